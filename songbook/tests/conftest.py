"""A small folder of material, made by the tests, with a manifest and no installed instruments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita_songbook import players
from partita_songbook.leads import Setting
from partita_songbook.library import Library
from partita_songbook.midi import Note, write_midi
from partita_songbook.players import Band
from partita_songbook.soundfont import Soundfont
from partita_songbook.synth import Patch, perform
from partita_songbook.takes import Take, analyse
from tones import RATE, sung, write_midi_song

MANIFEST = """
voices = []
[soundfonts]
[kits]
[presets]

[[collection]]
kind = "songs"
files = ["midi/songs/*.mid"]
valid = ["held-*"]

[[collection]]
kind = "grooves"
files = ["midi/drummer/info.csv"]
licence = "CC-BY-4.0"

[[collection]]
kind = "singers"
files = ["vocals/alto_CC0/*.ogg"]

[[collection]]
kind = "singers"
files = ["vocals/several_CC0/*.ogg"]
singer = "{file}"
valid = ["tenor"]

[[collection]]
kind = "loops"
files = ["drums/l/*.ogg"]

[[collection]]
kind = "phrases"
files = ["other/p/*.ogg"]
"""


@pytest.fixture
def material(tmp_path):
    """The folder: two drum performances (one for validation), two songs, two singers, a loop, a phrase."""
    folder = tmp_path / "material"
    for name in ("midi/drummer", "midi/songs", "vocals/alto_CC0", "vocals/several_CC0", "drums/l", "other/p"):
        (folder / name).mkdir(parents=True)
    (folder / "songbook.toml").write_text(MANIFEST)
    rows = ["midi_filename,bpm,time_signature,duration,split"]
    for split in ("train", "validation"):
        beats = tuple(Note(0.5 * i, 0.1, (36, 42, 38, 42)[i % 4], 100) for i in range(32))
        write_midi(folder / f"midi/drummer/{split}.mid", beats, 0, drums=True)
        rows.append(f"{split}.mid,120,4-4,30,{split}")
    rows.append("waltz.mid,120,3-4,30,train")
    (folder / "midi/drummer/info.csv").write_text("\n".join(rows))
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    lead = [(beat, 0.9, scale[beat % 8]) for beat in range(60)]
    bass = [(beat, 0.9, 36 + 7 * (beat % 2)) for beat in range(60)]
    hits = [(beat, 0.1, 36 if beat % 2 == 0 else 38) for beat in range(60)]
    for name in ("march", "held-out"):
        write_midi_song(folder / f"midi/songs/{name}.mid", [(0, 80, lead), (1, 33, bass), (9, 0, hits)])
    for name, pitch in (("alto_CC0/a", 60), ("several_CC0/tenor", 52)):
        take = sung(3.0, pitch, ((1.2, 1.8),))
        soundfile.write(folder / f"vocals/{name}.ogg", take, RATE)
    noise = np.random.default_rng(0).standard_normal((RATE, 2)).astype(np.float32)
    soundfile.write(folder / "drums/l/loop.ogg", 0.1 * noise, RATE)
    soundfile.write(folder / "other/p/phrase.ogg", sung(2.0, 64), RATE)
    return folder


@pytest.fixture
def library(material, monkeypatch, tmp_path):
    """The material, with a sine as the only soundfont."""

    def play(font, notes, samples, program=0, *, drums=False):  # noqa: ARG001 - called as play is
        return perform(Patch("sine"), notes, samples, np.random.default_rng(0))

    monkeypatch.setattr(players, "play", play)
    opened = Library.open(material, cache=tmp_path / "cache")
    return replace(opened, fonts=(Soundfont(Path("tone.sf2"), drums_only=False, licence="MIT"),))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def band(library) -> Band:
    """A band that plays three bars of a second and a half."""
    return Band(library, np.random.default_rng(0), int(4.5 * RATE), 0.375)


@pytest.fixture
def setting() -> Setting:
    """Four bars of two seconds in C major; the third bar is instrumental."""
    tune = tuple(Note(0.5 * i, 0.45, 60 + (0, 4, 7, 4)[i % 4], 100) for i in range(16))
    chords = tuple(Note(2.0 * i, 2.0, pitch, 90) for i in range(4) for pitch in (60, 64, 67))
    return Setting(8 * RATE, 0.5, (0, False), tune, chords, (True, True, False, True), electronic=True)


@pytest.fixture(scope="session")
def take(tmp_path_factory) -> Take:
    """Two seconds of an A3 with vibrato."""
    path = tmp_path_factory.mktemp("takes") / "a.wav"
    soundfile.write(path, sung(2.0, 57), RATE)
    return analyse(path)[0]
