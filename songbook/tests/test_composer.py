from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita_songbook import composer

MAJOR, MINOR = {0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 10}
seeds = st.integers(0, 2**32)


def steps(notes, tonic):
    return {(note.pitch - tonic) % 12 for note in notes}


@given(seeds, st.integers(0, 11), st.booleans())
@settings(max_examples=30, deadline=None)
def test_everything_is_in_key(seed, tonic, minor):
    rng = np.random.default_rng(seed)
    loop = composer.harmony(tonic, minor, rng)
    scale = MINOR if minor else MAJOR
    assert {(pitch - tonic) % 12 for chord in loop for pitch in chord} <= scale
    for write in (composer.chords, composer.arpeggio, composer.melody):
        assert steps(write(loop, 8, 0.5, rng), tonic) <= scale


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_the_bass_is_low_and_starts_each_bar_on_the_root(seed):
    rng = np.random.default_rng(seed)
    loop = composer.harmony(0, False, rng)
    style = list(composer.BASS_LINES)[seed % len(composer.BASS_LINES)]
    notes = composer.bass_line(style, loop, 4, 0.5, rng)
    assert all(16 <= note.pitch <= 64 for note in notes)
    if style in ("acid", "rolling", "off-beat"):  # rests on the first beat, or an octave on what comes first
        return
    firsts = [
        min((note for note in notes if note.start >= 2 * bar), key=lambda note: note.start).pitch for bar in range(4)
    ]
    roots = [loop[bar % len(loop)][0] for bar in range(4)]
    assert any(
        all((first - root) % 12 == 0 for first, root in zip(firsts, line, strict=True))
        for line in (roots, [roots[0]] * 4)
    )


@pytest.mark.parametrize("style", composer.BASS_LINES)
def test_bass_lines_fill_their_bars(style):
    rng = np.random.default_rng(1)
    notes = composer.bass_line(style, composer.harmony(0, True, rng), 8, 0.5, rng)
    assert [note.start for note in notes] == sorted(note.start for note in notes)
    assert {int(note.start / 2) for note in notes} == set(range(8))


def test_off_beat_basses_leave_the_beat_to_the_kick():
    rng = np.random.default_rng(1)
    notes = composer.bass_line("off-beat", composer.harmony(0, True, rng), 2, 0.5, rng)
    assert [note.start % 0.5 for note in notes] == pytest.approx([0.25] * 8)


def test_sparse_notes_are_few_and_in_the_chord():
    rng = np.random.default_rng(2)
    loop = composer.harmony(0, True, rng)
    notes = composer.sparse(loop, 8, 0.5, rng)
    assert 4 <= len(notes) <= 24
    for note in notes:
        assert note.pitch % 12 in {pitch % 12 for pitch in loop[int(note.start / 2) % len(loop)]}


def test_music_repeats_with_its_seed():
    for write in (composer.chords, composer.acid_line, composer.arpeggio, composer.melody, composer.sparse):
        one, two = (
            write(composer.harmony(3, True, rng), 4, 0.5, rng)
            for rng in (np.random.default_rng(5), np.random.default_rng(5))
        )
        assert one == two
