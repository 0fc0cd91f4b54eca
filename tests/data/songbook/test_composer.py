from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.data.songbook import composer

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
    notes = composer.bass_line(loop, 4, 0.5, rng)
    assert all(28 <= note.pitch <= 59 for note in notes)
    for bar in range(4):
        first = min((note for note in notes if note.start >= 2 * bar), key=lambda note: note.start)
        assert (first.pitch - loop[bar % len(loop)][0]) % 12 == 0


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_beats_fill_their_bars_in_order(seed):
    _, notes = composer.beat(8, 0.5, np.random.default_rng(seed))
    times = [note.start for note in notes]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < 16.1
    assert {36, 38} & {note.pitch for note in notes}
    assert all(1 <= note.velocity <= 127 for note in notes)


def test_four_on_the_floor():
    for seed in range(200):
        name, notes = composer.beat(1, 0.5, np.random.default_rng(seed))
        if name == "house":
            kicks = [note.start for note in notes if note.pitch == 36]
            assert kicks == pytest.approx([0, 0.5, 1.0, 1.5])
            return
    pytest.fail("200 patterns and no house")


def test_music_repeats_with_its_seed():
    for write in (composer.chords, composer.bass_line, composer.arpeggio, composer.melody):
        one, two = (
            write(composer.harmony(3, True, rng), 4, 0.5, rng)
            for rng in (np.random.default_rng(5), np.random.default_rng(5))
        )
        assert one == two
