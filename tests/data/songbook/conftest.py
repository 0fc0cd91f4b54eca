"""A small folder of material, made by the tests: performances, a song, a singer, a loop and a phrase."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from partita.data.songbook import players
from partita.data.songbook.library import Library
from partita.data.songbook.midi import Note, write_midi
from partita.data.songbook.soundfont import Soundfont
from partita.data.songbook.synth import Patch, perform

RATE = 44_100


def sung(seconds: float, pitch: float = 57.0, pauses: tuple[tuple[float, float], ...] = ()) -> np.ndarray:
    """A voice-like tone (samples,): 20 falling harmonics with vibrato, silent in the pauses (seconds)."""
    time = np.arange(int(seconds * RATE)) / RATE
    hertz = 440 * 2 ** ((pitch - 69 + 0.3 * np.sin(2 * np.pi * 5 * time)) / 12)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 21))
    for start, end in pauses:
        voice[int(start * RATE) : int(end * RATE)] = 0
    return (0.2 * voice).astype(np.float32)


def dominant(audio: np.ndarray) -> float:
    """Frequency in Hz of the strongest partial of (samples,)."""
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 4 * len(audio)))
    return float(spectrum.argmax() * RATE / (4 * len(audio)))


def write_song(path, parts, bpm=120):
    """A MIDI file of parts: (channel, program, [(beat, beats, pitch), ...])."""
    tracks = [mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))])]
    for channel, program, notes in parts:
        track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
        events = [(beat, "note_on", pitch) for beat, _, pitch in notes]
        events += [(beat + beats, "note_off", pitch) for beat, beats, pitch in notes]
        last = 0
        for beat, kind, pitch in sorted(events):
            tick = round(480 * beat)
            track.append(mido.Message(kind, channel=channel, note=pitch, velocity=90, time=tick - last))
            last = tick
        tracks.append(track)
    mido.MidiFile(tracks=tracks, ticks_per_beat=480).save(path)


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
        write_song(folder / f"midi/songs/{name}.mid", [(0, 80, lead), (1, 33, bass), (9, 0, hits)])
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
        monkeypatch.setattr(f"partita.data.songbook.library.{name}", list)


@pytest.fixture
def library(material, monkeypatch, bare, tmp_path):  # noqa: ARG001 - bare is a setting
    def play(font, notes, samples, program=0, *, drums=False):  # noqa: ARG001 - as play is called
        return perform(Patch("sine"), notes, samples, np.random.default_rng(0))

    monkeypatch.setattr(players, "play", play)
    opened = Library.open(material, cache=tmp_path / "cache")
    return replace(opened, fonts=(Soundfont(Path("tone.sf2"), drums_only=False),))
