"""A small folder of material, made by the tests: performances, a song, a singer, a loop and a phrase."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita_songbook import players
from partita_songbook.library import Library
from partita_songbook.midi import Note, write_midi
from partita_songbook.soundfont import Soundfont
from partita_songbook.synth import Patch, perform
from tones import RATE, sung, write_midi_song


@pytest.fixture
def material(tmp_path):
    """The folder: two drum performances (one for validation), a song, two singers, a loop, a phrase."""
    folder = tmp_path / "material"
    for name in ("midi/drummer", "midi/songs", "vocals/alto_CC0", "vocals/vocadito_CC0", "drums/l", "other/p"):
        (folder / name).mkdir(parents=True)
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
    for name in ("march", "d_dm05"):
        write_midi_song(folder / f"midi/songs/{name}.mid", [(0, 80, lead), (1, 33, bass), (9, 0, hits)])
    for name, pitch in (("alto_CC0/a", 60), ("vocadito_CC0/vocadito_10", 52)):
        take = sung(3.0, pitch, ((1.2, 1.8),))
        soundfile.write(folder / f"vocals/{name}.ogg", take, RATE)
    noise = np.random.default_rng(0).standard_normal((RATE, 2)).astype(np.float32)
    soundfile.write(folder / "drums/l/loop.ogg", 0.1 * noise, RATE)
    soundfile.write(folder / "other/p/phrase.ogg", sung(2.0, 64), RATE)
    return folder


@pytest.fixture
def bare(monkeypatch):
    """A machine on which no instrument and no speech synthesiser is installed."""
    for name in ("find_soundfonts", "find_kits", "find_presets", "find_voices"):
        monkeypatch.setattr(f"partita_songbook.library.{name}", list)


@pytest.fixture
def library(material, monkeypatch, bare, tmp_path):  # noqa: ARG001 - bare is a setting
    def play(font, notes, samples, program=0, *, drums=False):  # noqa: ARG001 - as play is called
        return perform(Patch("sine"), notes, samples, np.random.default_rng(0))

    monkeypatch.setattr(players, "play", play)
    opened = Library.open(material, cache=tmp_path / "cache")
    return replace(opened, fonts=(Soundfont(Path("tone.sf2"), drums_only=False),))
