from __future__ import annotations

import json

import numpy as np
import soundfile

from partita_songbook import render
from partita_songbook.library import Library
from partita_songbook.mixing import STEMS, silent
from tones import RATE, sung


def test_finished_stems_are_balanced_repeated_and_sung_over(material, tmp_path):
    folder = material / "songs-train" / "disco"
    folder.mkdir(parents=True)
    for stem, level in (("drums", 0.5), ("bass", 0.01), ("other", 0.1)):
        soundfile.write(folder / f"{stem}.wav", level * np.stack([sung(8.0, 45)] * 2, 1), RATE)
    with (material / "songbook.toml").open("a") as manifest:
        manifest.write('[[collection]]\nkind = "stems"\nfiles = ["songs-train/*/drums.*"]\nlicence = "CC0"\n')
    library = Library.open(material)
    (written,) = render.render_stems(library, tmp_path / "out", 1)
    assert written.name == "train-disco-0"
    stems = {stem: soundfile.read(written / f"{stem}.flac", dtype="float32")[0].T for stem in STEMS}
    assert {audio.shape for audio in stems.values()} == {(2, 64 * RATE)}
    assert not any(silent(audio) for audio in stems.values())
    assert np.abs(stems["bass"]).max() > 0.02
    assert json.loads((written / "card.json").read_text())["licences"] == {"disco": "CC0"}
    first, again = stems["drums"][:, : 8 * RATE], stems["drums"][:, 8 * RATE : 16 * RATE]
    assert np.corrcoef(first[0], again[0])[0, 1] > 0.95  # the bus compressor hears the singer too
    assert list(render.render_stems(library, tmp_path / "out", 1)) == []
