from __future__ import annotations

import numpy as np
import pytest

from partita_songbook import patterns
from partita_songbook.form import draw_form
from partita_songbook.styles.genres import GENRES


@pytest.mark.parametrize("name", patterns.PATTERNS)
def test_patterns_fill_their_bars_in_order(name):
    assert all(len(row) == 16 for row in patterns.PATTERNS[name].values())
    notes = patterns.drum_part(name, 8, 0.5, np.random.default_rng(1))
    times = [note.start for note in notes]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] < 16.3
    assert 36 in {note.pitch for note in notes}
    assert all(1 <= note.velocity <= 127 for note in notes)


def test_four_on_the_floor():
    for seed in range(20):
        notes = patterns.drum_part("house", 4, 0.5, np.random.default_rng(seed))
        kicks = [note.start for note in notes if note.pitch == 36]
        assert kicks == pytest.approx(np.arange(16) * 0.5)


def test_rolls_grow_faster_and_louder():
    roll = patterns.snare_roll(4.0, 4, 0.5)
    gaps = np.diff([note.start for note in roll])
    assert (np.diff(gaps) <= 1e-9).all()
    assert gaps[0] == pytest.approx(4 * gaps[-1])
    assert roll[-1].velocity > 2 * roll[0].velocity
    assert 11.5 < roll[-1].start < 12


def test_forms_cover_the_song_and_layers_play_somewhere():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        form = draw_form(37, rng)
        assert len(form.sections) == 37
        assert form.starts[0] == 0
        assert all(start < 37 for start in form.starts)
        for layer in ("drums", "bass", "vocals", "layer"):
            playing = form.playing(layer, rng)
            assert len(playing) == 37
            assert any(playing)
            by_name = dict(zip(form.sections, playing, strict=True))
            assert playing == [by_name[name] for name in form.sections]


def test_genres_name_what_exists():
    from partita_songbook.composer import BASS_LINES
    from partita_songbook.machines import KICKS
    from partita_songbook.patches import ROLES

    for genre in GENRES.values():
        assert set(genre.patterns) <= patterns.PATTERNS.keys()
        assert set(genre.basses) <= BASS_LINES.keys()
        assert set(genre.kicks) <= KICKS.keys()
        assert set(genre.layers) <= {*ROLES, "sparse", "instrument", "guitar", "bed"}
    for roles, _, _ in BASS_LINES.values():
        assert set(roles) <= ROLES.keys()
