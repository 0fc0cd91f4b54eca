"""A MIDI song's own parts on soundfonts, kits and recordings, as a band plays them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from partita.data.songbook.chance import draw
from partita.data.songbook.effects import RATE, Audio
from partita.data.songbook.library import Library
from partita.data.songbook.midi import Note, Part, crop, read_midi, repeat, tempo, transpose
from partita.data.songbook.players import Band, groove, guitars, play_part, play_synth, strike_kit
from partita.errors import ConfigError

__all__ = ["Score", "add_layer", "choose_song", "play_band", "stretch"]


@dataclass
class Score:
    """Stems without vocals, and the notes that singers follow."""

    stems: dict[str, Audio]
    tune: tuple[Note, ...]
    chords: tuple[Note, ...]


def add_layer(total: Audio, audio: Audio, rng: np.random.Generator) -> None:
    """Add a layer at a random level in place."""
    total += audio * np.float32(10 ** (rng.normal(-1, 3) / 20))


def choose_song(library: Library, rng: np.random.Generator) -> Path:
    """Draw a MIDI song with melodic parts that lasts at least 20 s.

    Raises:
        ConfigError: There is none.
    """
    for i in rng.permutation(len(library.songs)):
        path = library.songs[int(i)]
        melodic = [part.notes for part in read_midi(path) if not part.is_drums]
        if melodic and max(notes[-1].start for notes in melodic) > 20:
            return path
    raise ConfigError("no MIDI song has melodic parts and lasts 20 seconds; add one")


def stretch(path: Path, samples: int, beat: float, rng: np.random.Generator) -> list[Part]:
    """The busiest of a few stretches of a song, transposed, with ``beat`` seconds to the beat; short songs repeat."""
    parts = read_midi(path)
    bar = 240 / tempo(path)
    end = max(np.ceil(part.notes[-1].start / bar) * bar for part in parts)
    ratio = beat / (bar / 4)
    seconds = samples / RATE
    starts = bar * np.floor(rng.uniform(0, max(end - seconds / ratio, 0), 3) / bar)

    def cut(part: Part, start: float) -> tuple[Note, ...]:
        looped = repeat(part.notes, end, seconds / ratio) if end < seconds / ratio else part.notes
        return crop(looped, start, seconds / ratio, ratio)

    start = max(starts, key=lambda start: sum(len(cut(part, start)) for part in parts if not part.is_drums))
    shift = int(rng.integers(-5, 7))
    played = [replace(part, notes=cut(part, start)) for part in parts]
    return [
        part if part.is_drums else replace(part, notes=transpose(part.notes, shift)) for part in played if part.notes
    ]


def mean_pitch(part: Part) -> float:
    """Mean MIDI pitch of a part's notes."""
    return float(np.mean([note.pitch for note in part.notes]))


def divide(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    """The basses among melodic parts, or the lowest part, and the others."""
    melodic = [part for part in parts if not part.is_drums]
    basses = [part for part in melodic if part.is_bass] or sorted(melodic, key=mean_pitch)[:1]
    return basses, [part for part in melodic if part not in basses]


def play_band(band: Band, parts: list[Part]) -> Score:
    """Play a song's parts."""
    rng = band.rng
    own = tuple(note for part in parts if part.is_drums for note in part.notes)
    if own and (rng.random() < 0.55 or not band.library.grooves):
        hits = own
        band.note("drums", "the song's own part")
    else:
        hits = groove(band, 60 / band.beat)
    drums = strike_kit(band, hits, draw({"soundfont": 0.5, "sampled": 0.45, "machine": 0.05}, rng))
    basses, rest = divide(parts)
    bass = np.zeros_like(drums)
    for part in basses[:2]:
        if rng.random() < 0.1:
            low = tuple(replace(n, pitch=28 + (n.pitch - 28) % 24) for n in part.notes)
            add_layer(bass, play_synth(band, "bass", draw({"bass": 0.7, "sub": 0.3}, rng), low), rng)
        else:
            program = part.program if part.is_bass else int(rng.integers(32, 40))
            add_layer(bass, play_part(band, "bass", replace(part, program=program)), rng)
    other = np.zeros_like(drums)
    for i in rng.permutation(len(rest))[: int(rng.integers(2, 5))].tolist():
        if rng.random() < 0.1:
            role = str(rng.choice(["pad", "stab", "keys", "organ", "lead"]))
            add_layer(other, play_synth(band, "other", role, rest[i].notes), rng)
        else:
            add_layer(other, play_part(band, "other", rest[i]), rng)
    if band.library.phrases and rng.random() < 0.3:
        add_layer(other, guitars(band), rng)
    # what could be sung: the part whose notes lie highest; when singers take it, it may still be doubled
    highest = max(rest or basses, key=mean_pitch, default=None)
    return Score({"drums": drums, "bass": bass, "other": other}, highest.notes if highest else (), ())
