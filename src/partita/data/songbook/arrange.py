"""A song from a seed: electronic, band or hybrid arrangements, and finished stems completed with vocals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from partita.data.songbook import composer
from partita.data.songbook.drums import find_kits
from partita.data.songbook.effects import RATE, Audio, sidechain
from partita.data.songbook.library import Library, read_audio
from partita.data.songbook.midi import Note, Part, crop, read_midi, repeat, tempo, transpose
from partita.data.songbook.mixing import STEMS, balance, channel_strip, silent
from partita.data.songbook.players import (
    Band,
    drum_loop,
    groove,
    guitars,
    play_part,
    play_synth,
    riser,
    strike_kit,
    texture,
)
from partita.data.songbook.soundfont import find_soundfonts
from partita.data.songbook.vocals import Setting, sing
from partita.errors import ConfigError

__all__ = ["Song", "arrange", "complete", "find_key"]

_PROFILES = {  # how strongly each step above the tonic belongs to a key (Krumhansl and Kessler)
    False: (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    True: (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
_TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_STYLES = {"electronic": 0.5, "band": 0.28, "hybrid": 0.22}
_RESTS = {"drums": 0.15, "bass": 0.15, "other": 0.35}
_MISSING = {"": 0.85, "vocals": 0.05, "bass": 0.05, "drums": 0.03, "other": 0.02}


@dataclass(frozen=True)
class Song:
    """Four stems of equal length, float32 (2, samples), and what they are made of."""

    stems: dict[str, Audio]
    card: dict[str, Any]


def _draw(rng: np.random.Generator, weights: dict[str, float]) -> str:
    values = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=values / values.sum()))


def find_key(notes: tuple[Note, ...]) -> tuple[int, bool]:
    """Pitch class of the tonic and whether the key is minor, by correlating durations with key profiles."""
    weight = np.zeros(12)
    for note in notes:
        weight[note.pitch % 12] += note.duration
    if weight.std() == 0:
        return 0, False
    fits = {
        (tonic, minor): float(np.corrcoef(np.roll(profile, tonic), weight)[0, 1])
        for minor, profile in _PROFILES.items()
        for tonic in range(12)
    }
    return max(fits, key=lambda key: fits[key])


def _layer(total: Audio, audio: Audio, rng: np.random.Generator) -> None:
    """Add a layer at a random level in place."""
    total += audio * np.float32(10 ** (rng.normal(-1, 3) / 20))


@dataclass
class _Score:
    """Stems without vocals, and the notes that side-chains and singers follow."""

    stems: dict[str, Audio]
    hits: tuple[Note, ...]
    tune: tuple[Note, ...]
    chords: tuple[Note, ...]


def _electronic(band: Band, loop: composer.Harmony) -> _Score:
    """Composed for synthesisers and drum machines."""
    rng, bars, beat = band.rng, band.bars, band.beat
    drums = np.zeros((2, band.samples), np.float32)
    source = _draw(rng, {"pattern": 0.65, "loop": 0.15, "performance": 0.2})
    name, hits = composer.beat(bars, beat, rng)
    if source == "performance":
        hits = groove(band, 60 / beat)
    else:
        band.note("drums", f"pattern {name}")
    hits = band.during(hits, band.sections(0.85))
    if source == "loop" and band.library.loops:
        drums += drum_loop(band)
        hits = tuple(note for note in hits if note.pitch in (36, 38, 39) and rng.random() < 0.95)
    if source != "loop" or rng.random() < 0.5:
        drums += strike_kit(band, hits, _draw(rng, {"machine": 0.5, "sampled": 0.35, "soundfont": 0.15}))
    bass = np.zeros_like(drums)
    line = band.during(composer.bass_line(loop, bars, beat, rng), band.sections(0.8))
    bass += play_synth(band, "bass", _draw(rng, {"bass": 0.65, "sub": 0.35}), line)
    if rng.random() < 0.3:
        _layer(bass, play_synth(band, "bass", "sub", line), rng)
    other = np.zeros_like(drums)
    writers = {
        "pad": composer.chords,
        "stab": composer.chords,
        "keys": composer.chords,
        "pluck": composer.arpeggio,
        "lead": composer.melody,
    }
    for role in rng.choice(list(writers), size=int(rng.integers(2, 6)), replace=True).tolist():
        writer = writers[role]
        if role in ("keys", "pluck") and rng.random() < 0.3:
            writer = composer.arpeggio if role == "keys" else composer.melody
        notes = band.during(writer(loop, bars, beat, rng), band.sections(0.5, int(rng.choice([4, 8]))))
        if rng.random() < 0.15:
            program = int(rng.choice([0, 4, 5, 11, 24, 25, 27, 48, 50, 61, 73, 81, 88, 89]))
            _layer(other, play_part(band, "other", Part(program, notes)), rng)
        else:
            _layer(other, play_synth(band, "other", role, notes), rng)
    if rng.random() < 0.3:
        effects, stem = (drums, "drums") if rng.random() < 0.4 else (other, "other")
        _layer(effects, 0.4 * riser(band, stem), rng)
    if rng.random() < 0.2:
        _layer(other, 0.3 * texture(band), rng)
    if rng.random() < 0.12:
        _layer(other, 0.7 * guitars(band), rng)
    tune, pads = composer.melody(loop, bars, beat, rng), composer.chords(loop, bars, beat, rng)
    return _Score({"drums": drums, "bass": bass, "other": other}, hits, tune, pads)


def _from_midi(band: Band, parts: list[Part], *, hybrid: bool) -> _Score:
    """A song's own parts on soundfonts and, in hybrids, synthesisers."""
    rng = band.rng
    own = tuple(note for part in parts if part.is_drums for note in part.notes)
    hits = own if own and rng.random() < 0.55 else groove(band, 60 / band.beat)
    if hits is own:
        band.note("drums", "the song's own part")
    kinds = {"machine": 0.45, "sampled": 0.4, "soundfont": 0.15} if hybrid else {"soundfont": 0.55, "sampled": 0.45}
    drums = strike_kit(band, hits, _draw(rng, kinds))
    melodic = [part for part in parts if not part.is_drums]
    basses = [part for part in melodic if part.is_bass]
    if not basses:  # the lowest part that carries the song
        basses = sorted(melodic, key=lambda part: np.mean([note.pitch for note in part.notes]))[:1]
    bass = np.zeros_like(drums)
    for part in basses[:2]:
        if rng.random() < (0.6 if hybrid else 0.1):
            low = tuple(replace(n, pitch=28 + (n.pitch - 28) % 24) for n in part.notes)
            _layer(bass, play_synth(band, "bass", _draw(rng, {"bass": 0.7, "sub": 0.3}), low), rng)
        else:
            program = part.program if part.is_bass else int(rng.integers(32, 40))
            _layer(bass, play_part(band, "bass", replace(part, program=program)), rng)
    other = np.zeros_like(drums)
    rest = [part for part in melodic if part not in basses]
    # what could be sung: the part whose notes lie highest; when singers take it, it may still be doubled
    highest = max(melodic, key=lambda part: np.mean([note.pitch for note in part.notes]), default=None)
    roles = ["pad", "stab", "keys", "pluck", "lead"]
    for i in rng.permutation(len(rest))[: int(rng.integers(2, 6))].tolist():
        if rng.random() < (0.6 if hybrid else 0.08):
            _layer(other, play_synth(band, "other", str(rng.choice(roles)), rest[i].notes), rng)
        else:
            _layer(other, play_part(band, "other", rest[i]), rng)
    if band.library.phrases and rng.random() < (0.1 if hybrid else 0.3):
        _layer(other, guitars(band), rng)
    return _Score({"drums": drums, "bass": bass, "other": other}, hits, highest.notes if highest else (), ())


def _choose(library: Library, rng: np.random.Generator) -> Path:
    """A song with melodic parts that lasts at least 20 s."""
    for i in rng.permutation(len(library.songs)):
        path = library.songs[int(i)]
        melodic = [part.notes for part in read_midi(path) if not part.is_drums]
        if melodic and max(notes[-1].start for notes in melodic) > 20:
            return path
    raise ConfigError("no MIDI song has melodic parts and lasts 20 seconds; add one to the folder midi")


def _stretch(band: Band, path: Path) -> list[Part]:
    """The busiest of a few stretches of a song, transposed, at the band's tempo; short songs repeat."""
    rng = band.rng
    parts = read_midi(path)
    bar = 240 / tempo(path)
    end = max(np.ceil(part.notes[-1].start / bar) * bar for part in parts)
    ratio = band.beat / (bar / 4)
    seconds = band.samples / RATE
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


def _pump(band: Band, stems: dict[str, Audio], hits: tuple[Note, ...], style: str) -> dict[str, Audio]:
    """Duck bass and other under the kick in most electronic songs."""
    rng = band.rng
    if rng.random() > {"electronic": 0.6, "hybrid": 0.3, "band": 0.0}[style]:
        return stems
    kicks = np.array(sorted({note.start for note in hits if note.pitch in (35, 36)}))
    depth, release = rng.uniform(0.3, 0.95), band.beat * rng.uniform(0.4, 0.9)
    gain = sidechain(band.samples, kicks, depth, release)
    band.note("effects", f"side-chain, depth {depth:.2f}")
    ducked = {"bass", "other"} if rng.random() < 0.7 else {"other"}
    return {stem: audio * gain if stem in ducked else audio for stem, audio in stems.items()}


def _rest(band: Band, audio: Audio) -> Audio:
    """Silence in some sections, with ramps of 20 ms."""
    bar = 4 * band.beat * RATE
    playing = np.array(band.sections(band.rng.uniform(0.4, 0.8), int(band.rng.choice([2, 4, 8]))), float)
    ramp = int(0.01 * RATE)
    edges = np.arange(len(playing)) * bar
    times = np.stack([edges + ramp, edges + bar - ramp], 1).ravel()
    gain = np.interp(np.arange(band.samples), times, np.repeat(playing, 2))
    return np.asarray(audio * gain, np.float32)


def arrange(library: Library, seed: int, index: int, *, seconds: float | None = None) -> Song:
    """Make song ``index`` of a seed: the same samples every time from the same library.

    Args:
        library: Material.
        seed: Of the songbook.
        index: Of the song in it.
        seconds: Length; drawn between 60 and 100 if not given.

    Raises:
        ConfigError: A program or package the songs need is not installed.
    """
    rng = np.random.default_rng([seed, index])
    style = _draw(rng, _STYLES)
    seconds = seconds or float(rng.integers(60, 101))
    path = None if style == "electronic" else _choose(library, rng)
    bpm = tempo(path) * float(rng.uniform(0.88, 1.12)) if path else float(rng.uniform(84, 174))
    band = Band(library, find_soundfonts(), find_kits(), rng, int(seconds * RATE), 60 / bpm)
    if path is None:
        key = int(rng.integers(12)), bool(rng.random() < 0.6)
        score = _electronic(band, composer.harmony(*key, rng))
    else:
        parts = _stretch(band, path)
        key = find_key(tuple(note for part in parts if not part.is_drums for note in part.notes))
        score = _from_midi(band, parts, hybrid=style == "hybrid")
    stems = _pump(band, score.stems, score.hits, style)
    setting = Setting(band.samples, band.beat, key, score.tune, score.chords, style != "band")
    stems["vocals"], band.card["vocals"] = sing(library, setting, rng)
    for stem, chance in _RESTS.items():
        if rng.random() < chance:
            stems[stem] = _rest(band, stems[stem])
    missing = _draw(rng, _MISSING)
    if missing:
        stems[missing] = np.zeros_like(stems["drums"])
    stems = balance({stem: channel_strip(stem, stems[stem], band.beat, rng) for stem in STEMS}, rng)
    card = {
        "seed": seed,
        "index": index,
        "held_out": library.held_out,
        "style": style,
        "tempo_bpm": round(bpm, 2),
        "key": f"{_TONICS[key[0]]} {'minor' if key[1] else 'major'}",
        "song": path.name if path else None,
        "silent": [stem for stem in STEMS if silent(stems[stem])],
        "ingredients": band.card,
    }
    return Song(stems, card)


def complete(library: Library, folder: Path, seed: int, *, longest: float = 120.0) -> list[Song]:
    """Turn a folder of finished stems into songs: balanced, cut to length, sung over where nobody sings.

    Args:
        library: Whose singers may be added.
        folder: Holds ``drums``, ``bass``, ``other`` and perhaps ``vocals``, at any level.
        seed: Of the choices.
        longest: Seconds of a piece; shorter material is repeated up to a minute.
    """
    rng = np.random.default_rng([seed, *folder.name.encode()])
    raw = {path.stem: read_audio(path) for path in sorted(folder.glob("*.*")) if path.stem in STEMS}
    samples = max(audio.shape[-1] for audio in raw.values())
    stems = {stem: np.zeros((2, samples), np.float32) for stem in STEMS}
    for stem, audio in raw.items():
        stems[stem][:, : audio.shape[-1]] = audio
    repeats = -(-60 * RATE // samples)
    stems = {stem: np.tile(audio, repeats) for stem, audio in stems.items()}
    pieces = int(np.ceil(samples * repeats / RATE / longest))
    songs = []
    for i, bounds in enumerate(np.array_split(np.arange(samples * repeats), pieces)):
        piece = {stem: audio[:, bounds[0] : bounds[-1] + 1].copy() for stem, audio in stems.items()}
        singing: dict[str, Any] | str = "its own"
        if silent(piece["vocals"]):
            key = int(rng.integers(12)), bool(rng.random() < 0.6)
            loop = composer.harmony(*key, rng)
            tune = composer.melody(loop, int(len(bounds) / RATE / 2), 0.5, rng)
            setting = Setting(len(bounds), 0.5, key, tune, (), electronic=True)
            piece["vocals"], singing = sing(library, setting, rng)
            piece["vocals"] = channel_strip("vocals", piece["vocals"], 0.5, rng)
        card = {
            "seed": seed,
            "style": "stems",
            "source": folder.name,
            "piece": i,
            "ingredients": {"vocals": singing},
        }
        songs.append(Song(balance(piece, rng), card))
    return songs
