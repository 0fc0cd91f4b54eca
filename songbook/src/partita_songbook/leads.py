"""Lead vocals from takes: moved into the song's key, placed on its beats, doubled and harmonised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from partita_songbook.effects import RATE, Audio, normalise, pan
from partita_songbook.midi import Note
from partita_songbook.singers import Singer, centre_pitch
from partita_songbook.singing import Voice, key_shift, replay, resing
from partita_songbook.takes import Take
from partita_songbook.vocal_effects import chop, double

__all__ = ["Lead", "Setting", "place_phrases"]


@dataclass(frozen=True)
class Setting:
    """The song as its singers need it.

    Attributes:
        samples: Length of the song.
        beat: Length of a beat in seconds.
        key: Pitch class of the tonic, and whether the key is minor.
        tune: A melody to sing.
        chords: Chords for sustained voices and the channel vocoder.
        active: For each bar, whether anybody sings.
        electronic: Whether chopped phrases, vocoders and hard tuning suit the style.
    """

    samples: int
    beat: float
    key: tuple[int, bool]
    tune: tuple[Note, ...]
    chords: tuple[Note, ...]
    active: tuple[bool, ...]
    electronic: bool

    def sung(self, time: float) -> bool:
        """Return whether anybody sings in the bar at a time in seconds."""
        return self.active[min(int(time / self.beat / 4), len(self.active) - 1)]

    def gate(self) -> Audio:
        """Return a gain, float32 ``(1, samples)``: 1 in bars with singing, else 0, with ramps of 30 ms."""
        edges = np.arange(len(self.active)) * 4 * self.beat * RATE
        times = np.stack([edges, edges + 4 * self.beat * RATE - 0.03 * RATE], 1).ravel()
        gain = np.interp(np.arange(self.samples), times, np.repeat(np.array(self.active, float), 2))
        return np.asarray(gain[None], np.float32)


class Lead:
    """A lead singer: takes resynthesised in the key of the song, with one voice throughout.

    Args:
        singer: The takes.
        setting: The song.
        rng: Source of all choices.
    """

    def __init__(self, singer: Singer, setting: Setting, rng: np.random.Generator) -> None:
        self.singer = singer
        target = rng.uniform(45, 69)  # A2 to A4
        self.shift = float(np.clip(target - centre_pitch(singer.takes), -12, 16))
        self.natural = bool(rng.random() < 0.3)
        tonic, minor = setting.key
        stretched = setting.electronic and rng.random() < 0.12
        self.voice = Voice(
            formants=float(np.clip(2 ** (0.3 * self.shift / 12 + rng.normal(0, 0.1)), 0.75, 1.4)),
            # some electronic songs stretch their voices into pads
            tempo=float(rng.uniform(0.3, 0.6) if stretched else rng.uniform(0.85, 1.25)),
            tune=float(rng.choice([0.0, 0.5, 0.8, 1.0] if setting.electronic else [0.0, 0.3, 0.7])),
            tonic=tonic,
            minor=minor,
        )
        self.doubled = bool(rng.random() < 0.4)
        self.harmony = float(rng.choice([3, 4, 7, 12, -12, -5])) if rng.random() < 0.35 else 0.0
        self._rng = rng

    def sing(self, take: Take, *, chorus: bool) -> Audio:
        """Sing a take.

        Args:
            take: The take.
            chorus: Whether to double and harmonise it as in a chorus.

        Returns:
            Float32 ``(2, samples)``.

        Raises:
            AudioError: The recording cannot be read.
        """
        rng, voice = self._rng, self.voice
        if self.natural:
            fit = key_shift(take, voice.tonic, voice.minor)
            sound = replay(take, float(np.clip(fit, -5, 6)))
            return double(sound, 0.8, rng) if chorus and self.doubled else pan(sound, 0.0)
        base = round(self.shift)
        moved = replace(take, pitch=take.pitch * np.float32(2 ** (base / 12)))
        lead = replace(voice, semitones=base + key_shift(moved, voice.tonic, voice.minor))
        mono = resing(take, lead, rng)
        sound = double(mono, 0.8, rng) if self.doubled or chorus else pan(mono, 0.0)
        if self.harmony and chorus:
            second = replace(lead, semitones=lead.semitones + self.harmony, tune=1.0, flutter=8.0)
            sound[:, : mono.shape[-1]] += 0.5 * pan(resing(take, second, rng), float(rng.uniform(-0.6, 0.6)))
        return sound

    def card(self) -> dict[str, Any]:
        """Return the description of the voice for the song's card."""
        changed = f"vocoder, {self.shift:+.0f} semitones, formants x{self.voice.formants:.2f}"
        return {
            "voice": "recorded, resampled" if self.natural else changed,
            "tuning": self.voice.tune,
            "doubled": self.doubled,
            "harmony": self.harmony,
        }


def place_phrases(lead: Lead, setting: Setting, *, chops: bool, rng: np.random.Generator) -> Audio:
    """Place phrases one after the other on the beat, with pauses; some recur as choruses do.

    Args:
        lead: The singer.
        setting: The song.
        chops: Whether to chop some phrases.
        rng: Source of the order and the pauses.

    Returns:
        Float32 ``(2, samples)``.
    """
    takes = lead.singer.takes
    out = np.zeros((2, setting.samples), np.float32)
    kept: list[Audio] = []
    beat = setting.beat
    recurring = 0.45 if setting.electronic else 0.3
    time = float(rng.choice([0, 0, 4])) * beat
    order, turn = rng.permutation(len(takes)), 0
    while time * RATE < setting.samples - RATE:
        if not setting.sung(time):
            time += 4 * beat
            continue
        if kept and rng.random() < recurring:
            sound = kept[int(rng.integers(len(kept)))]
        else:
            take = takes[int(order[turn % len(takes)])]
            turn += 1
            sung = lead.sing(take, chorus=bool(rng.random() < 0.4))
            sound = normalise(sung, -20.0 + rng.normal(0, 1.5))
            kept.append(sound)
        if chops and rng.random() < 0.35:
            sound = pan(chop(sound[:1], beat, rng), 0.0)
        start = int(time * RATE)
        length = min(sound.shape[-1], setting.samples - start)
        out[:, start : start + length] += sound[:, :length]
        gap = float(rng.choice([0, 1, 2, 4, 8], p=[0.2, 0.4, 0.25, 0.1, 0.05])) * beat
        time = float(np.ceil((time + sound.shape[-1] / RATE + gap) / beat) * beat)
    return out
