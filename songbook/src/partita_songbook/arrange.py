"""A song from a seed: style, tempo and key are drawn, the stems played, sung and mixed."""

from __future__ import annotations

from typing import Any

import numpy as np

from partita_songbook.chance import draw
from partita_songbook.effects import RATE, Audio
from partita_songbook.form import draw_form
from partita_songbook.keys import TONICS, find_key
from partita_songbook.leads import Setting
from partita_songbook.library import Library
from partita_songbook.midi import Note, tempo
from partita_songbook.mixing import STEMS, balance, channel_strip, silent
from partita_songbook.players import Band
from partita_songbook.song import RenderedSong
from partita_songbook.styles.band import Backing, choose_song, play_band, stretch
from partita_songbook.styles.electronic import compose, play_electronic, requantise
from partita_songbook.styles.genres import GENRES
from partita_songbook.vocals import sing

__all__ = ["STYLES", "arrange"]

# Weights; "hybrid" is a MIDI song in an electronic arrangement.
STYLES = {"electronic": 0.62, "hybrid": 0.2, "band": 0.18}
_RESTS = {"drums": 0.15, "bass": 0.15, "other": 0.35}
_MISSING = {"": 0.76, "bass": 0.12, "vocals": 0.05, "drums": 0.03, "other": 0.04}


def _rest(band: Band, audio: Audio) -> Audio:
    """Mute a stem in some sections, with ramps of 20 ms."""
    bar = 4 * band.beat * RATE
    playing = np.array(band.sections(band.rng.uniform(0.4, 0.8), int(band.rng.choice([2, 4, 8]))), float)
    ramp = int(0.01 * RATE)
    edges = np.arange(len(playing)) * bar
    times = np.stack([edges + ramp, edges + bar - ramp], 1).ravel()
    gain = np.interp(np.arange(band.samples), times, np.repeat(playing, 2))
    return np.asarray(audio * gain, np.float32)


def arrange(library: Library, seed: int, index: int, *, seconds: float | None = None) -> RenderedSong:
    """Render one song of a seed.

    The same library, seed and index give the same samples, unless LMMS plays: some of its presets use random numbers
    of their own, and one that takes longer than a minute to render is replaced.

    Args:
        library: The material.
        seed: Seed of the run.
        index: Number of the song in the run.
        seconds: Length. Default: drawn between 60 and 100.

    Raises:
        AudioError: A file of the material cannot be read.
        ConfigError: An installed instrument or speech synthesiser fails.
    """
    rng = np.random.default_rng([seed, index])
    style = draw(STYLES, rng) if library.songs else "electronic"
    seconds = seconds or float(rng.integers(60, 101))
    genre_name = draw({name: genre.weight for name, genre in GENRES.items()}, rng)
    genre = GENRES[genre_name]
    original = None if style == "electronic" else choose_song(library, rng)
    if original and style == "band":
        bpm = tempo(original.path) * float(rng.uniform(0.88, 1.12))
    else:
        bpm = float(rng.uniform(*genre.tempo))
    band = Band(library, rng, int(seconds * RATE), 60 / bpm)
    form = draw_form(band.bars, rng)
    parts = stretch(original.path, band.samples, band.beat, rng) if original else []
    if parts:
        key = find_key(tuple(note for part in parts if not part.is_drums for note in part.notes))
    else:
        key = int(rng.integers(12)), bool(rng.random() < 0.65)
    active = [True] * band.bars
    if style == "band":
        backing = play_band(band, parts)
    else:
        melodic = any(not part.is_drums for part in parts)
        written = requantise(parts, band.beat, rng) if melodic else compose(key, band.bars, band.beat, rng)
        backing = play_electronic(band, genre, form, written, key)
        active = form.playing("vocals", rng)
    stems = dict(backing.stems)
    stems["vocals"] = _sing(band, backing, key, tuple(active), electronic=style != "band")
    for stem, chance in _RESTS.items():
        if style == "band" and rng.random() < chance:
            stems[stem] = _rest(band, stems[stem])
    missing = draw(_MISSING, rng)
    if missing:
        stems[missing] = np.zeros_like(stems["drums"])
    stems = balance({stem: channel_strip(stem, stems[stem], band.beat, rng) for stem in STEMS}, rng)
    if original:
        band.licences[original.path.name] = original.licence
    card: dict[str, Any] = {
        "seed": seed,
        "index": index,
        "split": library.split,
        "style": style,
        "genre": genre_name if style != "band" else None,
        "tempo_bpm": round(bpm, 2),
        "key": f"{TONICS[key[0]]} {'minor' if key[1] else 'major'}",
        "song": original.path.name if original else None,
        "silent": [stem for stem in STEMS if silent(stems[stem])],
        "ingredients": band.card,
        "licences": dict(sorted(band.licences.items())),
    }
    return RenderedSong(stems, card)


def _sing(band: Band, backing: Backing, key: tuple[int, bool], active: tuple[bool, ...], *, electronic: bool) -> Audio:
    """Render the vocals and note them on the card."""

    def in_song(notes: tuple[Note, ...]) -> tuple[Note, ...]:
        return tuple(note for note in notes if note.start * RATE < band.samples)

    tune, chords = in_song(backing.tune), in_song(backing.chords)
    setting = Setting(band.samples, band.beat, key, tune, chords, active, electronic)
    audio, card = sing(band.library, setting, band.rng)
    band.card["vocals"] = card
    for singer in (card, *card.get("further voices", [])):
        if singer["singer"]:
            band.licences[singer["singer"]] = singer["licence"]
    return audio
