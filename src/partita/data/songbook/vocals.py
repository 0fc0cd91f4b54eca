"""The vocals of a song: phrases of a singer placed in time, doubled, harmonised and chopped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from partita.data.songbook.effects import RATE, Audio, normalise, pan
from partita.data.songbook.formants import Syllable, croon
from partita.data.songbook.library import Library
from partita.data.songbook.midi import Note
from partita.data.songbook.singing import Take, Voice, analyse, key_shift, replay, resing
from partita.data.songbook.vowels import choir, median_pitch, monophonic, vocalise

__all__ = ["Setting", "choose_singer", "sing"]

_VOWELS = "olpc-berklee-voices"  # sustained vowels: choirs and chops, not lead vocals


def choose_singer(library: Library, rng: np.random.Generator) -> str:
    """Draw a lead singer; those with more takes come up more often."""
    names = sorted(name for name in library.singers if name != _VOWELS)
    weight = np.array([len(library.singers[name]) ** 0.3 for name in names])  # variety before quantity
    return str(rng.choice(names, p=weight / weight.sum()))


def _phrases(library: Library, singer: str, count: int, rng: np.random.Generator) -> list[Take]:
    files = library.singers[singer]
    drawn = [files[int(i)] for i in rng.permutation(len(files))[:count]]
    takes = [take for path in drawn for take in analyse(path) if len(take.pitch) > 100]
    return [takes[int(i)] for i in rng.permutation(len(takes))[:count]]


def _chop(sound: Audio, beat: float, rng: np.random.Generator) -> Audio:
    """Repeat a slice of a phrase rhythmically for two bars: (1, samples)."""
    step = int(beat * RATE * float(rng.choice([0.5, 0.25, 0.75])))
    start = int(rng.integers(max(sound.shape[-1] - step, 1)))
    piece = sound[:, start : start + step].copy()
    ramp = min(200, piece.shape[-1] // 4)
    piece[:, :ramp] *= np.linspace(0, 1, ramp, dtype=np.float32)
    piece[:, piece.shape[-1] - ramp :] *= np.linspace(1, 0, ramp, dtype=np.float32)
    hits = rng.random(max(int(8 * beat * RATE / step), 2)) < 0.75
    out = np.zeros((1, len(hits) * step), np.float32)
    for i in np.flatnonzero(hits).tolist():
        out[:, i * step : i * step + piece.shape[-1]] = piece
    return out


@dataclass(frozen=True)
class Setting:
    """What the singers need to know of a song.

    Attributes:
        samples: Length of the song.
        beat: Seconds to the beat.
        key: Pitch class of the tonic, and whether the key is minor.
        tune: A melody that may be sung.
        chords: Chords that a choir may sing.
        electronic: Chopped phrases and hard tuning are in style.
    """

    samples: int
    beat: float
    key: tuple[int, bool]
    tune: tuple[Note, ...]
    chords: tuple[Note, ...]
    electronic: bool


class _Lead:
    """A singer with a voice, who sings takes in the song's key."""

    def __init__(self, takes: list[Take], setting: Setting, rng: np.random.Generator) -> None:
        target = rng.uniform(45, 68)  # A2 to A flat 4
        self.shift = float(np.clip(target - np.median([median_pitch(take) for take in takes]), -9, 14))
        self.natural = bool(rng.random() < 0.35)
        tonic, minor = setting.key
        stretched = setting.electronic and rng.random() < 0.12
        self.voice = Voice(
            formants=float(np.clip(2 ** (0.3 * self.shift / 12 + rng.normal(0, 0.08)), 0.8, 1.35)),
            # some electronic songs stretch voices into pads
            tempo=float(rng.uniform(0.3, 0.6) if stretched else rng.uniform(0.85, 1.25)),
            tune=float(rng.choice([0.0, 0.5, 0.8, 1.0] if setting.electronic else [0.0, 0.3, 0.7])),
            tonic=tonic,
            minor=minor,
        )
        self.doubled = bool(rng.random() < 0.4)
        self.harmony = float(rng.choice([3, 4, 7, 12, -12, -5])) if rng.random() < 0.35 else 0.0
        self._rng = rng

    def sing(self, take: Take, *, chorus: bool) -> Audio:
        """A take as (2, samples); choruses are doubled and harmonised."""
        rng, voice = self._rng, self.voice
        if self.natural:
            fit = key_shift(take, voice.tonic, voice.minor)
            return pan(replay(take, float(np.clip(fit, -5, 6))), 0.0)
        base = round(self.shift)
        moved = replace(take, pitch=take.pitch * 2 ** (base / 12))
        lead = replace(voice, semitones=base + key_shift(moved, voice.tonic, voice.minor))
        sound = pan(resing(take, lead, rng), 0.0)
        if self.doubled or chorus:
            for side in (-0.8, 0.8):
                other = replace(lead, flutter=12.0, formants=lead.formants * rng.uniform(0.97, 1.03))
                late = int(rng.uniform(0.005, 0.03) * RATE)
                sound[:, late:] += 0.45 * pan(resing(take, other, rng), side)[:, : sound.shape[-1] - late]
        if self.harmony and chorus:
            second = replace(lead, semitones=lead.semitones + self.harmony, tune=1.0, flutter=8.0)
            sound += 0.5 * pan(resing(take, second, rng), float(rng.uniform(-0.6, 0.6)))
        return sound

    def card(self) -> dict[str, Any]:
        """The voice in words."""
        changed = f"vocoder, {self.shift:+.0f} semitones, formants x{self.voice.formants:.2f}"
        return {
            "voice": "recorded, resampled" if self.natural else changed,
            "tuning": self.voice.tune,
            "doubled": self.doubled,
            "harmony": self.harmony,
        }


def _place(takes: list[Take], lead: _Lead, setting: Setting, *, chops: bool, rng: np.random.Generator) -> Audio:
    """Phrases one after the other on the beat, with pauses; some come back as choruses do."""
    out = np.zeros((2, setting.samples), np.float32)
    kept: list[Audio] = []
    beat = setting.beat
    time = float(rng.choice([0, 0, 4, 8])) * beat
    order, turn = rng.permutation(len(takes)), 0
    while time * RATE < setting.samples - RATE:
        if kept and rng.random() < 0.35:
            sound = kept[int(rng.integers(len(kept)))]
        else:
            take = takes[int(order[turn % len(takes)])]
            turn += 1
            sung = lead.sing(take, chorus=bool(rng.random() < 0.4))
            sound = normalise(sung, -20.0 + rng.normal(0, 1.5))
            kept.append(sound)
        if chops and rng.random() < 0.35:
            sound = pan(_chop(sound[:1], beat, rng), 0.0)
        start = int(time * RATE)
        length = min(sound.shape[-1], setting.samples - start)
        out[:, start : start + length] += sound[:, :length]
        gap = float(rng.choice([0, 1, 2, 4, 8], p=[0.2, 0.4, 0.25, 0.1, 0.05])) * beat
        time = float(np.ceil((time + sound.shape[-1] / RATE + gap) / beat) * beat)
    return out


def _vowels(library: Library, *, many: bool) -> tuple[Take, ...]:
    """The held vowels of single voices, or of choirs."""
    files = [path for path in library.singers.get(_VOWELS, ()) if ("voices_" in path.stem) == many]
    return tuple(take for path in files for take in analyse(path) if len(take.pitch) > 200)


def _syllables(tune: tuple[Note, ...], rng: np.random.Generator) -> tuple[Syllable, ...]:
    """Nonsense sung to a tune."""
    return tuple(
        Syllable(
            note.start,
            0.95 * note.duration,
            note.pitch,
            str(rng.choice(["", "m", "n", "l", "d", "t", "s", "h"])),
            str(rng.choice(["a", "e", "i", "o", "u"])),
        )
        for note in tune
    )


def sing(library: Library, setting: Setting, rng: np.random.Generator) -> tuple[Audio, dict[str, Any]]:
    """Make the dry vocals of a song: phrases, vowels or a synthesised voice, sometimes with a choir.

    Returns:
        float32 (2, samples), and the entry for the song's card.

    Raises:
        ConfigError: pyworld is not installed.
    """
    sustained = _VOWELS in library.singers
    chance = rng.random()
    card: dict[str, Any]
    female = bool(rng.random() < 0.7)
    low = 60 if female else 48
    tune = monophonic(setting.tune, low, low + 14)
    sung = sum(note.duration for note in tune) * RATE / setting.samples
    if sung > 0.5 and chance < 0.06 and not library.held_out:
        size = float(rng.uniform(0.9, 1.15) if female else rng.uniform(0.75, 0.95))
        out = pan(croon(_syllables(tune, rng), setting.samples, rng, size=size), 0.0)
        card = {"singer": "formant synthesis", "voice": f"formants x{size:.2f}"}
    elif sustained and sung > 0.5 and chance < 0.28:
        vowels = tuple(
            take
            for take in _vowels(library, many=False)
            if take.source[0].name.startswith("female") == female and low - 8 < median_pitch(take) < low + 26
        )
        formants = float(rng.uniform(0.85, 1.2))
        out = pan(vocalise(vowels, tune, formants, setting.samples, rng), 0.0)
        sex = "female" if female else "male"
        card = {"singer": f"{_VOWELS}, {sex}", "voice": f"vowels, formants x{formants:.2f}"}
    else:
        singer = choose_singer(library, rng)
        takes = _phrases(library, singer, int(rng.integers(5, 12)), rng)
        lead = _Lead(takes, setting, rng)
        chops = setting.electronic and bool(rng.random() < 0.25)
        out = _place(takes, lead, setting, chops=chops, rng=rng)
        files = sorted({take.source[0].name for take in takes})
        card = {"singer": singer, "takes": files, **lead.card(), "chopped": chops}
    if sustained and setting.chords and rng.random() < 0.12:
        backing = choir(_vowels(library, many=True), setting.chords, setting.samples, rng)
        out = normalise(out, -20.0) + normalise(backing, rng.uniform(-32, -24))
        card["choir"] = True
    return out, card
