"""Tones and MIDI files that the tests make and measure."""

from __future__ import annotations

import mido
import numpy as np
import pyworld

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


def write_midi_song(path, parts, bpm=120):
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


def median_pitch(audio: np.ndarray) -> float:
    """Median fundamental of the voiced parts of (1, samples), as a MIDI pitch."""
    pitch, _ = pyworld.dio(audio[0].astype(float), RATE)
    return float(69 + 12 * np.log2(np.median(pitch[pitch > 0]) / 440))
