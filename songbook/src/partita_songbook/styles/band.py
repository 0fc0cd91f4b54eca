"""Band arrangements: the parts of a MIDI song on soundfonts, drum kits and recordings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from partita.errors import ConfigError
from partita_songbook.chance import draw
from partita_songbook.effects import RATE, Audio
from partita_songbook.library import Library, MaterialFile
from partita_songbook.midi import Note, Part, crop, read_midi, repeat, tempo, transpose
from partita_songbook.players import Band, groove, play_part, play_recording, play_synth, strike_kit

__all__ = ["Backing", "add_layer", "choose_song", "divide", "mean_pitch", "play_band", "stretch"]


@dataclass
class Backing:
    """The backing of a song.

    Attributes:
        stems: ``drums``, ``bass`` and ``other``, float32 ``(2, samples)``.
        tune: The melody that a singer may follow.
        chords: The chords that voices may hold.
    """

    stems: dict[str, Audio]
    tune: tuple[Note, ...]
    chords: tuple[Note, ...]


def add_layer(total: Audio, audio: Audio, rng: np.random.Generator) -> None:
    """Add a layer to ``total`` in place, at a random level."""
    total += audio * np.float32(10 ** (rng.normal(-1, 3) / 20))


def choose_song(library: Library, rng: np.random.Generator) -> MaterialFile:
    """Draw a MIDI song with melodic parts that lasts more than 20 s.

    Raises:
        AudioError: A MIDI file cannot be read.
        ConfigError: There is none.
    """
    for i in rng.permutation(len(library.songs)):
        song = library.songs[int(i)]
        melodic = [part.notes for part in read_midi(song.path) if not part.is_drums]
        if melodic and max(notes[-1].start for notes in melodic) > 20:
            return song
    raise ConfigError("no MIDI song of the material has melodic parts and lasts longer than 20 seconds; add one")


def stretch(path: Path, samples: int, beat: float, rng: np.random.Generator) -> list[Part]:
    """Cut a stretch from a MIDI song: the busiest of three drawn ones, transposed and brought to a tempo.

    Args:
        path: The MIDI song; it is repeated if it is too short.
        samples: Length of the stretch.
        beat: Length of a beat in seconds.
        rng: Source of the stretches and the transposition, -5 to 6 semitones.

    Raises:
        AudioError: The file cannot be read.
    """
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
    """Return the mean MIDI pitch of a part."""
    return float(np.mean([note.pitch for note in part.notes]))


def divide(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    """Divide the melodic parts into basses (or else the lowest part) and all others."""
    melodic = [part for part in parts if not part.is_drums]
    basses = [part for part in melodic if part.is_bass] or sorted(melodic, key=mean_pitch)[:1]
    return basses, [part for part in melodic if part not in basses]


def play_band(band: Band, parts: list[Part]) -> Backing:
    """Play the parts of a MIDI song.

    Args:
        band: The band.
        parts: The parts, as of :func:`stretch`.

    Raises:
        AudioError: A file of the material cannot be read.
        ConfigError: An installed instrument fails.
    """
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
        add_layer(other, play_recording(band), rng)
    # the highest part is the melody; instruments may double it when it is sung
    highest = max(rest or basses, key=mean_pitch, default=None)
    return Backing({"drums": drums, "bass": bass, "other": other}, highest.notes if highest else (), ())
