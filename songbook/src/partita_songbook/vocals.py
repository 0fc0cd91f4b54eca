"""The vocals stem: several ways of singing, and the effects of electronic productions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from partita_songbook import vocal_effects
from partita_songbook.chance import draw
from partita_songbook.effects import RATE, Audio, normalise, pan, reverb
from partita_songbook.formants import SungNote, croon
from partita_songbook.leads import Lead, Setting, place_phrases
from partita_songbook.library import Library
from partita_songbook.midi import Note, crop
from partita_songbook.patches import random_patch
from partita_songbook.singers import (
    Singer,
    centre_pitch,
    recorded_singer,
    spoken_singer,
    vowel_singer,
)
from partita_songbook.synth import perform
from partita_songbook.takes import median_pitch
from partita_songbook.tunes import Manner, sing_tune
from partita_songbook.vowels import choir, monophonic, vocalise

__all__ = ["sing"]

_WAYS = {  # electronic? -> ways of singing and their weights
    True: {"phrases": 0.34, "tune": 0.32, "vowels": 0.08, "chops": 0.1, "pad": 0.06, "vocoder": 0.1},
    False: {"phrases": 0.6, "tune": 0.28, "vowels": 0.12},
}
_BLOCK = 8  # bars of a tune that recur

Sung = tuple[Audio, dict[str, Any]] | None


def _singer(library: Library, count: int, spoken: float, rng: np.random.Generator) -> Singer | None:
    """Draw a spoken voice with probability ``spoken``, else a recorded one; fall back to the other kind."""
    draws = [recorded_singer, spoken_singer] if rng.random() >= spoken else [spoken_singer, recorded_singer]
    return draws[0](library, count, rng) or draws[1](library, count, rng)


def _phrases(library: Library, setting: Setting, rng: np.random.Generator) -> Sung:
    singer = _singer(library, int(rng.integers(3, 8)), 0.2, rng)
    if singer is None:
        return None
    lead = Lead(singer, setting, rng)
    chops = setting.electronic and bool(rng.random() < 0.25)
    out = place_phrases(lead, setting, chops=chops, rng=rng)
    return out, {"singer": singer.name, "licence": singer.licence, "takes": singer.files, **lead.card(), "chops": chops}


def _manner(hard: bool, shift: float, rng: np.random.Generator) -> Manner:
    return Manner(
        formants=float(np.clip(2 ** (0.3 * shift / 12 + rng.normal(0, 0.1)), 0.75, 1.4)),
        glide=0.0 if hard else rng.uniform(0.02, 0.12),
        vibrato=rng.uniform(0, 15) if hard else rng.uniform(5, 60),
        drift=1.0 if hard else rng.uniform(4, 20),
        air=float(rng.choice([1.0, 1.0, 1.15])),
        late=0.0 if hard else rng.uniform(0, 0.02),
    )


def _tune(library: Library, setting: Setting, rng: np.random.Generator) -> Sung:
    """Sing the tune on a singer's or a speaker's syllables, in blocks of bars that recur."""
    singer = _singer(library, 3, 0.6, rng)
    low = int(rng.integers(46, 64))
    tune = monophonic(setting.tune, low, low + 14)
    if singer is None or len(tune) < 8:
        return None
    hard = setting.electronic and bool(rng.random() < 0.4)
    manner = _manner(hard, low + 7 - centre_pitch(singer.takes), rng)
    harmony = int(rng.choice([0, 0, 3, 4, 7, 12, -12]))
    doubled = bool(rng.random() < 0.45)
    length = _BLOCK * 4 * setting.beat
    size = int(length * RATE)
    out = np.zeros((2, setting.samples + size), np.float32)
    verses: list[Audio] = []
    for block in range(int(np.ceil(setting.samples / size))):
        start = block * length
        if not (setting.sung(start) or setting.sung(start + length / 2)):
            continue
        if len(verses) >= 2 or (verses and rng.random() < 0.5):
            sound = verses[int(rng.integers(len(verses)))]
        else:
            notes = tuple(note for note in crop(tune, start, length) if setting.sung(start + note.start))
            mono = sing_tune(list(singer.takes), notes, size, manner, rng)
            sound = vocal_effects.double(mono, rng.uniform(0.5, 1), rng) if doubled else pan(mono, 0.0)
            if harmony and verses:
                above = tuple(Note(n.start, n.duration, n.pitch + harmony, n.velocity) for n in notes)
                second = sing_tune(list(singer.takes), above, size, manner, rng)
                sound = sound + 0.5 * pan(second, rng.uniform(-0.7, 0.7))
            verses.append(sound)
        at = block * size
        out[:, at : at + size] += sound[:, :size]
    card = {"singer": singer.name, "licence": singer.licence, "takes": singer.files}
    return out[:, : setting.samples], {
        **card,
        "voice": f"sung to a tune, formants x{manner.formants:.2f}",
        "tuning": 1.0 if hard else 0.7,
        "doubled": doubled,
        "harmony": harmony,
    }


def _vowels(library: Library, setting: Setting, rng: np.random.Generator) -> Sung:
    """Sing the tune on vowels: recorded ones, or those of the formant synthesiser where there are none."""
    woman = bool(rng.random() < 0.7)
    low = 60 if woman else 48
    tune = tuple(note for note in monophonic(setting.tune, low, low + 14) if setting.sung(note.start))
    length = 2 * _BLOCK * 4 * setting.beat  # sung once; the next sixteen bars repeat it
    once = crop(tune, 0, length)
    samples = min(int(length * RATE), setting.samples)
    if len(once) < 4:
        return None
    size = float(rng.uniform(0.9, 1.15) if woman else rng.uniform(0.75, 0.95))
    singer = vowel_singer(library, choir=False, female=woman)
    vowels = [take for take in singer.takes if low - 8 < median_pitch(take) < low + 26] if singer else []
    if singer and vowels:
        mono = vocalise(tuple(vowels), once, size, samples, rng)
        card = {"singer": f"{singer.name}, {'female' if woman else 'male'}", "licence": singer.licence}
    else:
        sounds = rng.choice(list("mnldtsh"), len(once)), rng.choice(list("aeiou"), len(once))
        words = zip(once, *sounds, strict=True)
        syllables = (SungNote(n.start, 0.95 * n.duration, n.pitch, str(c), str(v)) for n, c, v in words)
        mono = croon(tuple(syllables), samples, rng, size=size)
        card = {"singer": "formant synthesis", "licence": "own synthesis"}
    whole = np.tile(mono, -(-setting.samples // samples))[:, : setting.samples]
    return pan(whole * setting.gate(), 0.0), {**card, "voice": f"formants x{size:.2f}"}


def _chops(library: Library, setting: Setting, rng: np.random.Generator) -> Sung:
    """Repeat slices of one or two phrases."""
    singer = _singer(library, 2, 0.3, rng)
    if singer is None:
        return None
    lead = Lead(singer, setting, rng)
    loops = [
        vocal_effects.chop(lead.sing(take, chorus=False)[:1], setting.beat, rng)
        for take in singer.takes[: int(rng.integers(1, 3))]
    ]
    out = np.zeros((2, setting.samples), np.float32)
    position, time = float(rng.uniform(-0.3, 0.3)), 0.0
    while time * RATE < setting.samples - 1:
        loop = loops[int(rng.integers(len(loops)))]
        if setting.sung(time):
            start = int(time * RATE)
            length = min(loop.shape[-1], setting.samples - start)
            out[:, start : start + length] += pan(loop[:, :length], position)
        time += max(round(loop.shape[-1] / RATE / setting.beat / 4), 1) * 4 * setting.beat
    return out, {"singer": singer.name, "licence": singer.licence, "takes": singer.files, "voice": "chopped"}


def _pad(library: Library, setting: Setting, rng: np.random.Generator) -> Sung:
    """Hold the chords with voices in a large room."""
    chords = tuple(note for note in setting.chords if setting.sung(note.start))
    if not chords:
        return None
    many = vowel_singer(library, choir=True)
    if many and rng.random() < 0.5:
        out = choir(many.takes, chords, setting.samples, rng)
        card: dict[str, Any] = {"singer": f"{many.name}, choir", "licence": many.licence}
    else:
        singer = _singer(library, 1, 0.3, rng)
        if singer is None:
            return None
        # one loop of the chords, in which each voice stretches syllables over one of their notes
        length = _BLOCK * 2 * setting.beat
        samples = int(length * RATE)
        out = np.zeros((2, samples), np.float32)
        once = crop(setting.chords, 0, length)
        manner = Manner(formants=rng.uniform(0.8, 1.25), glide=0.1, vibrato=rng.uniform(0, 30), late=0.0)
        for rank in range(int(rng.integers(2, 4))):
            onsets = sorted({note.start for note in once})
            ranked = [sorted((n for n in once if n.start == onset), key=lambda n: n.pitch) for onset in onsets]
            line = tuple(notes[rank] for notes in ranked if len(notes) > rank)
            voice = sing_tune(list(singer.takes), line, samples, manner, rng)
            out += pan(voice, float(rng.uniform(-0.8, 0.8)))
        out = np.tile(out, -(-setting.samples // samples))[:, : setting.samples]
        card = {"singer": singer.name, "licence": singer.licence, "takes": singer.files}
    return reverb(out * setting.gate(), rng.uniform(2, 5), rng.uniform(0.5, 2), rng), {**card, "voice": "pad"}


def _vocoder(library: Library, setting: Setting, rng: np.random.Generator) -> Sung:
    """Send speech or singing through a channel vocoder that plays the chords."""
    singer = _singer(library, 4, 0.6, rng)
    if singer is None or not setting.chords:
        return None
    lead = Lead(singer, setting, rng)
    lead.natural, lead.doubled, lead.harmony = True, False, 0.0
    voice = place_phrases(lead, setting, chops=False, rng=rng)
    down = int(rng.choice([0, 0, -12, -24]))
    notes = tuple(Note(n.start, n.duration, n.pitch + down, n.velocity) for n in setting.chords)
    carrier = perform(random_patch(str(rng.choice(["supersaw", "organ", "stab"])), rng), notes, setting.samples, rng)
    out = vocal_effects.vocode(voice[:1], carrier, rng)
    return out, {"singer": singer.name, "licence": singer.licence, "takes": singer.files, "voice": "channel vocoder"}


_SING: dict[str, Callable[[Library, Setting, np.random.Generator], Sung]] = {
    "phrases": _phrases,
    "tune": _tune,
    "vowels": _vowels,
    "chops": _chops,
    "pad": _pad,
    "vocoder": _vocoder,
}


def _effects(audio: Audio, setting: Setting, rng: np.random.Generator) -> tuple[Audio, list[str]]:
    """Apply the vocal effects of an electronic song; returns the audio and the names of the effects."""
    used = []
    if rng.random() < 0.4:
        kind = str(rng.choice(vocal_effects.CHARACTERS))
        audio = vocal_effects.character(kind, normalise(audio, -20.0), setting.beat, rng)
        used.append(kind)
    if rng.random() < 0.2:
        audio = vocal_effects.stutter(audio, setting.beat, rng)
        used.append("stutter")
    if rng.random() < 0.35:
        audio = vocal_effects.throw(audio, setting.beat, rng)
        used.append("echo throws")
    if rng.random() < 0.2:
        audio = reverb(audio, rng.uniform(2, 6), rng.uniform(0.3, 1.2), rng)
        used.append("hall")
    return audio, used


def sing(library: Library, setting: Setting, rng: np.random.Generator) -> tuple[Audio, dict[str, Any]]:
    """Render the vocals of a song: one way of singing; electronic songs add effects and further voices.

    Args:
        library: The material.
        setting: The song.
        rng: Source of all choices.

    Returns:
        Float32 ``(2, samples)``, and the entry for the song's card.

    Raises:
        AudioError: A recording cannot be read.
        ConfigError: A speech synthesiser fails.
    """
    way = draw(_WAYS[setting.electronic], rng)
    sung = _SING[way](library, setting, rng) or _phrases(library, setting, rng) or _vowels(library, setting, rng)
    if sung is None:
        return np.zeros((2, setting.samples), np.float32), {"singer": None}
    out, card = sung
    if not setting.electronic:
        return out, card
    out, card["effects"] = _effects(normalise(out, -20.0), setting, rng)
    out = normalise(out, -20.0)
    for name, chance in (("chops", 0.15), ("pad", 0.15), ("vocoder", 0.06)):
        if name != way and rng.random() < chance:
            more = _SING[name](library, setting, rng)
            if more:
                out += normalise(more[0], rng.uniform(-36, -25))
                card.setdefault("further voices", []).append(more[1])
    return out, card
