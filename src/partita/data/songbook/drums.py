"""Drum kits of samples and of synthesis: a kit maps General MIDI keys to one-shots."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import signal

from partita.data.songbook.effects import RATE, Audio, biquad, equalise, pan
from partita.data.songbook.library import read_audio
from partita.data.songbook.midi import Note
from partita.errors import ConfigError

__all__ = ["KITS", "Kit", "find_kits", "general_midi", "load_kit", "machine", "strike"]

KITS = (Path("/usr/share/hydrogen/data/drumkits"),)

# Keys of electronic drum sets (edges and rims) -> General MIDI.
_EDGES = {22: 42, 26: 46, 58: 43}

# General MIDI key -> patterns for an instrument's name, in order of preference.
_NAMES = {
    36: r"kick;bass ?drum;cajon thump;bass$;drum 1",
    38: r"^(?!.*(?:roll|rim|stick)).*snare;cajon slap;slap$;sangban1 head hit",
    37: r"stick;rim;click;clave;head mute;snare 2",
    39: r"clap;snaps;slap;snare",
    42: r"clos;hh 1;hat.*cl;hat low;maraca;bell mute;chh",
    44: r"pedal;hat.*pd;hh 2;maraca;bell mute",
    46: r"open;ohh;semi;hat.*op;tambourine;bell hit",
    45: r"tom low;tom floor;floor;low tom;conga 1;bongo lo;dununba1 head hit;drum 1;tom",
    47: r"tom mid;tom 2;middle tom;conga 2;bongo;djembe2 tone;drum 2;tom",
    50: r"tom hi;tom 1;high tom;bongo hi;djembe1 tone;conga;tom",
    49: r"crash;cymbal;splash;china;glass",
    51: r"ride;cymbal;bell;crash",
    56: r"cowbell;agogo;woodblock;zap",
    54: r"tamb;maraca;shaker;woodblock lo",
}
# Keys played by another key's instrument.
_ALIASES = {35: 36, 40: 38, 41: 45, 43: 45, 48: 50, 52: 49, 53: 51, 55: 49, 57: 49, 59: 51, 60: 50, 61: 45}


@dataclass(frozen=True)
class Kit:
    """One-shots by General MIDI key.

    Attributes:
        name: For the song's card.
        shots: Key -> layers by ascending velocity: (highest velocity from 0 to 1, audio (2, samples)).
    """

    name: str
    shots: dict[int, list[tuple[float, Audio]]]


def find_kits(folders: tuple[Path, ...] = KITS) -> list[Path]:
    """List the folders of Hydrogen drum kits, by name."""
    return sorted(path.parent for folder in folders for path in folder.glob("*/drumkit.xml"))


def _instruments(path: Path) -> list[tuple[str, float, list[tuple[float, Path]]]]:
    """(name, gain, layers) of the instruments in a ``drumkit.xml``, namespaces ignored."""
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"|\sxsi:\w+="[^"]*"', "", path.read_text(errors="replace"))
    found = []
    for instrument in ElementTree.fromstring(text).iter("instrument"):
        name = instrument.findtext("name") or ""
        layers = [
            (float(layer.findtext("max") or 1), path.parent / (layer.findtext("filename") or ""))
            for layer in instrument.iter("layer")
        ]
        single = instrument.findtext("filename")
        if not layers and single:
            layers = [(1.0, path.parent / single)]
        layers = sorted((top, file) for top, file in layers if file.is_file())
        if layers:
            found.append((name.lower(), float(instrument.findtext("volume") or 1), layers))
    return found


def load_kit(folder: Path, rng: np.random.Generator) -> Kit:
    """Read a Hydrogen kit, choosing one instrument at random where several could play a key.

    Raises:
        ConfigError: The kit has no readable kick or snare.
    """
    try:
        instruments = _instruments(folder / "drumkit.xml")
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise ConfigError(f"{folder / 'drumkit.xml'} is not a drum kit ({error}); remove the folder") from error
    shots = {}
    for key, pattern in _NAMES.items():
        for choice in pattern.split(";"):
            named = [item for item in instruments if re.search(choice, item[0])]
            if named:
                _, gain, layers = named[int(rng.integers(len(named)))]
                shots[key] = [(top, read_audio(file)[:, : 4 * RATE] * np.float32(gain)) for top, file in layers]
                break
    if not {36, 38} <= shots.keys():
        raise ConfigError(f"{folder} has no kick or no snare that can be read; remove the folder")
    return Kit(folder.name, shots)


def general_midi(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Map the keys of electronic drum sets to General MIDI's."""
    return tuple(replace(note, pitch=_EDGES.get(note.pitch, note.pitch)) for note in notes)


def strike(kit: Kit, notes: tuple[Note, ...], samples: int, rng: np.random.Generator) -> Audio:
    """Play drum notes on a kit: float32 (2, samples). Closed hi-hats choke open ones."""
    out = np.zeros((2, samples), np.float32)
    hats = [note.start for note in notes if note.pitch in (42, 44)]
    for note in notes:
        key = note.pitch if note.pitch in kit.shots else _ALIASES.get(note.pitch, note.pitch)
        if key not in kit.shots:
            continue
        layers = kit.shots[key]
        force = note.velocity / 127
        sound = next((audio for top, audio in layers if force <= top), layers[-1][1])
        start = int(note.start * RATE)
        length = min(sound.shape[-1], samples - start)
        if key == 46:
            choke = next((time for time in hats if time > note.start + 0.02), np.inf)
            length = int(min(length, (choke - note.start) * RATE + 400))
        if length <= 0:
            continue
        # layered samples are already softer when struck softly
        gain = force ** (0.6 if len(layers) > 1 else 1.4) * rng.uniform(0.94, 1.06)
        shot = sound[:, :length] * np.float32(gain)
        fade = min(400, length)
        shot[:, length - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        out[:, start : start + length] += shot
    return out


def _tone(seconds: float, start: float, end: float, bend: float, decay: float) -> Audio:
    """Sine (samples,) gliding from ``start`` to ``end`` Hz; ``bend`` and ``decay`` are in seconds."""
    time = np.arange(int(seconds * RATE), dtype=np.float64) / RATE
    cycles = end * time + (start - end) * bend * (1 - np.exp(-time / bend))
    return np.asarray(np.sin(2 * np.pi * cycles) * np.exp(-time / decay), np.float32)


def _noise(seconds: float, decay: float, low: float, high: float, rng: np.random.Generator) -> Audio:
    """Noise (2, samples) between two frequencies in Hz, dying with time constant ``decay`` in seconds."""
    samples = int(seconds * RATE)
    hiss = np.repeat(rng.standard_normal((1, samples), np.float32), 2, 0)
    hiss = equalise(hiss, biquad("high_pass", low), biquad("low_pass", high))
    return np.asarray(hiss * np.exp(-np.arange(samples) / (decay * RATE)), np.float32)


def _metal(seconds: float, decay: float, low: float, rng: np.random.Generator) -> Audio:
    """Six inharmonic square waves, high-passed: the cymbal of the classic drum machines."""
    time = np.arange(int(seconds * RATE)) / RATE
    scale = rng.uniform(0.8, 1.6)
    hertz = scale * np.array([205.3, 304.4, 369.6, 522.7, 540.0, 800.0]) * rng.uniform(0.95, 1.05, 6)
    ring = signal.square(2 * np.pi * hertz[:, None] * time).sum(0) / 6
    ring = np.repeat(ring[None], 2, 0) * np.exp(-time / decay)
    return equalise(np.asarray(ring, np.float32), biquad("high_pass", low), biquad("high_pass", low, 1.2))


def machine(rng: np.random.Generator) -> Kit:
    """Design a drum machine: kick, snare, claps, hats, toms, cymbals and percussion of synthesis alone."""

    def stereo(mono: Audio) -> Audio:
        return np.repeat(mono[None], 2, 0)

    def peak(audio: Audio, level: float) -> list[tuple[float, Audio]]:
        return [(1.0, audio * np.float32(level / np.abs(audio).max()))]

    body = rng.uniform(38, 62)
    long = rng.choice([0.05, 0.09, 0.14, 0.22, 0.45]) * rng.uniform(0.8, 1.2)
    kick = stereo(_tone(1.5, body * rng.uniform(3, 9), body, rng.uniform(0.008, 0.04), long))
    kick[:, :2000] += rng.uniform(0, 0.5) * _noise(2000 / RATE, 0.004, 800, 9000, rng)
    kick = np.tanh(kick * np.float32(rng.uniform(1, 4)))
    tone = rng.uniform(150, 240)
    snare = stereo(_tone(0.8, tone * 1.6, tone, 0.02, rng.uniform(0.05, 0.15))) * rng.uniform(0.3, 0.9)
    snare += _noise(0.8, rng.uniform(0.05, 0.2), rng.uniform(700, 2500), rng.uniform(6000, 14000), rng)
    clap = np.zeros((2, int(0.7 * RATE)), np.float32)
    for burst in range(4):
        at = int(burst * rng.uniform(0.008, 0.013) * RATE)
        slap = _noise(0.5, rng.uniform(0.06, 0.14) if burst == 3 else 0.006, 800, rng.uniform(3000, 9000), rng)
        clap[:, at : at + slap.shape[-1]] += slap
    low = rng.uniform(5000, 8500)
    if rng.random() < 0.5:
        closed, opened = _metal(0.4, rng.uniform(0.02, 0.06), low, rng), _metal(1.0, 0.25, low, rng)
    else:
        closed = _noise(0.4, rng.uniform(0.015, 0.06), low, 18000, rng)
        opened = _noise(1.0, rng.uniform(0.15, 0.35), low, 18000, rng)
    shaker = _noise(0.2, 0.04, 4500, 12000, rng)
    shots = {
        36: peak(kick, 1.0),
        38: peak(snare, rng.uniform(0.55, 0.85)),
        37: peak(stereo(_tone(0.2, 2400, 1700, 0.002, 0.012)), 0.5),
        39: peak(clap, rng.uniform(0.5, 0.75)),
        42: peak(closed, rng.uniform(0.2, 0.4)),
        44: peak(closed, 0.25),
        46: peak(opened, rng.uniform(0.2, 0.4)),
        49: peak(_metal(2.5, 0.8, 3500, rng) + 0.5 * _noise(2.5, 0.6, 3000, 16000, rng), 0.4),
        51: peak(_metal(1.5, 0.5, 5000, rng), 0.25),
        54: peak(pan(shaker, rng.uniform(-0.6, 0.6)), 0.25),
        56: peak(_metal(0.5, 0.08, 600, rng), 0.35),
    }
    for key, tuning in ((45, 1.0), (47, 1.35), (50, 1.8)):
        tom = stereo(_tone(1.0, 160 * tuning, 85 * tuning, 0.05, 0.18))
        shots[key] = peak(pan(tom, (tuning - 1.4) * 0.8), 0.7)
    return Kit("drum machine", shots)
