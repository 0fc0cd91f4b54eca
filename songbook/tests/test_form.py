from __future__ import annotations

import numpy as np

from partita_songbook.form import draw_form


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
