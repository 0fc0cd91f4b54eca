"""The vocals of a song: phrases of a singer placed in time, doubled, harmonised and chopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from partita.data.songbook.effects import RATE, Audio, normalise, pan
from partita.data.songbook.library import Library
from partita.data.songbook.singing import Take, Voice, analyse, key_shift, replay, resing

__all__ = ["choose_singer", "sing"]

_VOWELS = "olpc-berklee-voices"  # sustained vowels: choirs and chops, not lead vocals


def choose_singer(library: Library, rng: np.random.Generator) -> str:
    """Draw a lead singer; those with more takes come up more often."""
    names = sorted(name for name in library.singers if name != _VOWELS)
    weight = np.sqrt([len(library.singers[name]) for name in names])
    return str(rng.choice(names, p=weight / weight.sum()))


def _phrases(library: Library, singer: str, count: int, rng: np.random.Generator) -> list[Take]:
    files = library.singers[singer]
    drawn = [files[int(i)] for i in rng.permutation(len(files))[:count]]
    takes = [take for path in drawn for take in analyse(path) if len(take.pitch) > 100]
    return [takes[int(i)] for i in rng.permutation(len(takes))[:count]]


def _median(take: Take) -> float:
    return float(np.median(take.pitch[take.pitch > 0]))


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


def sing(
    library: Library,
    samples: int,
    beat: float,
    key: tuple[int, bool],
    rng: np.random.Generator,
    *,
    electronic: bool,
) -> tuple[Audio, dict[str, Any]]:
    """Make the dry vocals of a song.

    Args:
        library: Where the singers are.
        samples: Length of the song.
        beat: Length of a beat in seconds.
        key: Pitch class of the tonic, and whether the key is minor.
        rng: Source of choices.
        electronic: Allow chopped phrases and hard tuning more often.

    Returns:
        float32 (2, samples), and the entry for the song's card.
    """
    tonic, minor = key
    singer = choose_singer(library, rng)
    takes = _phrases(library, singer, int(rng.integers(5, 12)), rng)
    natural = bool(rng.random() < 0.35)
    target = float(np.exp(rng.uniform(np.log(115), np.log(420))))
    octaves = float(np.log2(target / np.median([_median(take) for take in takes])))
    voice = Voice(
        formants=float(np.clip(2 ** (0.3 * octaves + rng.normal(0, 0.08)), 0.8, 1.35)),
        tempo=float(rng.uniform(0.85, 1.25)),
        tune=float(rng.choice([0.0, 0.5, 0.8, 1.0] if electronic else [0.0, 0.3, 0.7])),
        tonic=tonic,
        minor=minor,
    )
    doubling = rng.random() < 0.4
    harmony = float(rng.choice([3, 4, 7, 12, -12, -5])) if rng.random() < 0.35 else 0.0
    chops = electronic and rng.random() < 0.25
    # a whole number of octaves or fifths away, so that the key fitted per phrase decides the rest
    shift = float(np.clip(12 * octaves, -9, 14))

    def render(take: Take, chorus: bool) -> Audio:
        base = int(round(shift))
        fit = key_shift(replace(take, pitch=take.pitch * 2 ** (base / 12)), tonic, minor)
        if natural:
            fit = key_shift(take, tonic, minor)
            return pan(replay(take, float(np.clip(fit, -5, 6))), 0.0)
        lead = replace(voice, semitones=base + fit)
        sound = pan(resing(take, lead, rng), 0.0)
        if doubling or chorus:
            for side in (-0.8, 0.8):
                double = resing(
                    take, replace(lead, flutter=12.0, formants=lead.formants * rng.uniform(0.97, 1.03)), rng
                )
                late = int(rng.uniform(0.005, 0.03) * RATE)
                sound[:, late:] += 0.45 * pan(double, side)[:, : sound.shape[-1] - late]
        if harmony and chorus:
            second = replace(lead, semitones=lead.semitones + harmony, tune=1.0, flutter=8.0)
            sound += 0.5 * pan(resing(take, second, rng), float(rng.uniform(-0.6, 0.6)))
        return sound

    out = np.zeros((2, samples), np.float32)
    kept: list[Audio] = []
    cursor = float(rng.choice([0, 0, 4, 8])) * beat
    order, turn = rng.permutation(len(takes)), 0
    while cursor * RATE < samples - RATE:
        if kept and rng.random() < 0.35:
            sound = kept[int(rng.integers(len(kept)))]
        else:
            take = takes[int(order[turn % len(takes)])]
            turn += 1
            sound = normalise(render(take, bool(rng.random() < 0.4)), -20.0 + rng.normal(0, 1.5))
            kept.append(sound)
        if chops and rng.random() < 0.35:
            sound = pan(_chop(sound[:1], beat, rng), 0.0)
        start = int(cursor * RATE)
        length = min(sound.shape[-1], samples - start)
        out[:, start : start + length] += sound[:, :length]
        gap = float(rng.choice([0, 1, 1, 2, 2, 4, 8], p=[0.2, 0.2, 0.2, 0.15, 0.1, 0.1, 0.05])) * beat
        cursor = np.ceil((cursor + sound.shape[-1] / RATE + gap) / beat) * beat
    card = {
        "singer": singer,
        "takes": sorted({take.source[0].name for take in takes}),
        "voice": "recorded, resampled"
        if natural
        else f"WORLD, {shift:+.0f} semitones, formants x{voice.formants:.2f}",
        "tuning": voice.tune,
        "doubled": bool(doubling),
        "harmony": harmony,
        "chopped": bool(chops),
    }
    return out, card
