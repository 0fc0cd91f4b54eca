"""Drum kits, sampled or synthesised: a kit maps General MIDI keys to one-shots."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from partita.errors import ConfigError
from partita_songbook.effects import RATE, Audio
from partita_songbook.midi import Note
from partita_songbook.recordings import read_audio

__all__ = ["Kit", "find_kits", "general_midi", "kit_licence", "load_kit", "strike"]

# Keys of electronic drum sets (edges and rims) -> General MIDI.
_EDGES = {22: 42, 26: 46, 58: 43}

# General MIDI key -> patterns of instrument names, in order of preference.
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
# Keys that are played by the instrument of another key.
_ALIASES = {35: 36, 40: 38, 41: 45, 43: 45, 48: 50, 52: 49, 53: 51, 55: 49, 57: 49, 59: 51, 60: 50, 61: 45}


@dataclass(frozen=True)
class Kit:
    """One-shots by General MIDI key.

    Attributes:
        name: Its name on a song's card.
        shots: Key -> velocity layers in ascending order: (highest velocity, 0 to 1; float32 ``(2, samples)``).
    """

    name: str
    shots: dict[int, list[tuple[float, Audio]]]


def find_kits(folders: Iterable[Path]) -> list[Path]:
    """List the Hydrogen drum kits in ``folders``, each the folder of a ``drumkit.xml``, sorted by path."""
    return sorted(path.parent for folder in folders for path in folder.glob("*/drumkit.xml"))


def _instruments(path: Path) -> list[tuple[str, float, list[tuple[float, Path]]]]:
    """Return (name, gain, layers) of the instruments in a ``drumkit.xml``, ignoring namespaces."""
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
    """Read a Hydrogen kit; where several instruments fit a key, one is drawn.

    Raises:
        AudioError: A sample cannot be read.
        ConfigError: ``drumkit.xml`` is invalid, or the kit lacks a kick or a snare.
    """
    try:
        instruments = _instruments(folder / "drumkit.xml")
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise ConfigError(
            f"{folder / 'drumkit.xml'} cannot be read as a drum kit ({error}); remove the folder"
        ) from error
    shots = {}
    for key, pattern in _NAMES.items():
        for choice in pattern.split(";"):
            named = [item for item in instruments if re.search(choice, item[0])]
            if named:
                _, gain, layers = named[int(rng.integers(len(named)))]
                shots[key] = [(top, read_audio(file)[:, : 4 * RATE] * np.float32(gain)) for top, file in layers]
                break
    if not {36, 38} <= shots.keys():
        raise ConfigError(f"{folder} has no kick or no snare; remove the folder")
    return Kit(folder.name, shots)


def kit_licence(folder: Path) -> str:
    """Return the licence that a Hydrogen kit states."""
    found = re.search(r"<license>\s*(.+?)\s*</license>", (folder / "drumkit.xml").read_text(errors="replace"), re.S)
    return found[1] if found else "as stated by the package that installed it"


def general_midi(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Map the keys of electronic drum sets (rims and edges) to those of General MIDI."""
    return tuple(replace(note, pitch=_EDGES.get(note.pitch, note.pitch)) for note in notes)


def strike(kit: Kit, notes: tuple[Note, ...], samples: int, rng: np.random.Generator) -> Audio:
    """Play drum notes on a kit; closed hi-hats choke open ones.

    Args:
        kit: The kit. Notes whose key it lacks are left out.
        notes: The notes, in order of onset.
        samples: Length of the result.
        rng: Source of small random differences in level.

    Returns:
        Float32 ``(2, samples)``.
    """
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
            after = bisect_right(hats, note.start + 0.02)
            choke = hats[after] if after < len(hats) else np.inf
            length = int(min(length, (choke - note.start) * RATE + 400))
        if length <= 0:
            continue
        # the layers of a sampled drum differ in level already
        gain = force ** (0.6 if len(layers) > 1 else 1.4) * rng.uniform(0.94, 1.06)
        shot = sound[:, :length] * np.float32(gain)
        fade = min(400, length)
        shot[:, length - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        out[:, start : start + length] += shot
    return out
