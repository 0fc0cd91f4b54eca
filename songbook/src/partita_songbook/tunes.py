"""Takes sung to a tune: one syllable a note, with stretched vowels, portamento and vibrato."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from partita_songbook.effects import RATE, Audio
from partita_songbook.midi import Note
from partita_songbook.singing import synthesise
from partita_songbook.takes import FRAME, Take

__all__ = ["Manner", "Syllable", "sing_tune", "syllables"]

_LONGEST = 90  # frames of a syllable, 0.45 s
_SHORTEST = 14  # frames, 0.07 s
_PAUSE = 0.35  # seconds that end a phrase


@dataclass(frozen=True)
class Syllable:
    """A syllable of a take: a consonant and a voiced part.

    Attributes:
        take: The take.
        start: First frame of the consonant.
        vowel: First frame of the voiced part.
        end: First frame after it.
    """

    take: Take
    start: int
    vowel: int
    end: int


@dataclass(frozen=True)
class Manner:
    """How a voice sings.

    Attributes:
        formants: Factor on the formant frequencies.
        glide: Time constant of the portamento in seconds; 0 jumps, like hard pitch correction.
        vibrato: Depth in cents.
        drift: Standard deviation of the intonation in cents.
        air: Factor on the aperiodicity; above 1 is breathy.
        late: Standard deviation of the onsets in seconds.
    """

    formants: float = 1.0
    glide: float = 0.05
    vibrato: float = 25.0
    drift: float = 8.0
    air: float = 1.0
    late: float = 0.01


def syllables(take: Take) -> list[Syllable]:
    """Cut a take into syllables: voiced runs (long ones cut where they are quietest) and their consonants."""
    voiced = np.r_[False, take.pitch > 0, False]
    starts, ends = np.flatnonzero(voiced[1:] & ~voiced[:-1]), np.flatnonzero(voiced[:-1] & ~voiced[1:])
    energy = take.envelope[:, 0]  # the first coefficient is the mean of the logarithm
    found, before = [], 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if end - start < _SHORTEST:
            continue
        cuts = [start]
        while end - cuts[-1] > _LONGEST:
            near = slice(cuts[-1] + _SHORTEST * 2, cuts[-1] + _LONGEST)
            cuts.append(near.start + int(energy[near].argmin()))
        if end - cuts[-1] < _SHORTEST:
            cuts.pop()
        for first, last in zip(cuts, [*cuts[1:], end], strict=False):
            onset = max(before, first - 24) if first == start else first
            found.append(Syllable(take, onset, first, last))
        before = end
    return found


def _frames(syllable: Syllable, count: int) -> NDArray[np.float64]:
    """Return the frames of the take that the ``count`` frames of a note are read from; consonants are not stretched."""
    consonant = min(syllable.vowel - syllable.start, count // 3)
    head = np.linspace(syllable.start, syllable.vowel, consonant, endpoint=False)
    length = count - consonant
    # the onset of the vowel is not stretched either, only the rest of it
    onset = min(12, length // 3, syllable.end - syllable.vowel - 2)
    body = np.linspace(syllable.vowel + onset, syllable.end - 1, length - onset)
    return np.concatenate([head, syllable.vowel + np.arange(onset), body])


def _curve(notes: list[Note], starts: list[int], frames: int, manner: Manner, rng: np.random.Generator) -> Audio:
    """Return the MIDI pitch in each frame of a phrase."""
    time = np.arange(frames) * FRAME
    pitch = np.zeros(frames)
    rate, last = rng.uniform(4.8, 6.4), notes[0].pitch - rng.uniform(0, 2)
    for note, start, end in zip(notes, starts, [*starts[1:], frames], strict=True):
        held = time[: end - start]
        pitch[start:end] = note.pitch
        if manner.glide:
            pitch[start:end] += (last - note.pitch) * np.exp(-held / manner.glide)
        depth = manner.vibrato / 100 * np.clip((held - 0.2) / 0.4, 0, 1)
        pitch[start:end] += depth * np.sin(2 * np.pi * rate * held)
        last = note.pitch
    knots = np.arange(0, frames + 50, 50)
    pitch += np.interp(np.arange(frames), knots, rng.standard_normal(len(knots))) * manner.drift / 100
    return np.asarray(pitch, np.float32)


def _phrase(notes: list[Note], words: list[Syllable], manner: Manner, rng: np.random.Generator) -> Audio:
    """Sing notes without a pause between them; float32 ``(1, samples)`` from the onset of the first note."""
    origin = notes[0].start
    starts = [int((note.start - origin) / FRAME) for note in notes]
    starts = [max(start + int(rng.normal(0, manner.late) / FRAME), 0) if i else 0 for i, start in enumerate(starts)]
    starts = np.maximum.accumulate(starts).tolist()
    frames = max(int((notes[-1].start + notes[-1].duration - origin) / FRAME), starts[-1] + 16)
    curve = _curve(notes, starts, frames, manner, rng)
    pitch = np.zeros(frames)
    envelope = np.empty((frames, words[0].take.envelope.shape[1]))
    breath = np.empty((frames, words[0].take.breath.shape[1]))
    for start, end, word in zip(starts, [*starts[1:], frames], words, strict=True):
        if end <= start:
            continue
        at = np.clip(_frames(word, end - start), 0, len(word.take.pitch) - 1)
        low = np.minimum(at.astype(int), len(word.take.pitch) - 2)
        part = (at - low)[:, None]
        coded = word.take.envelope
        envelope[start:end] = coded[low] * (1 - part) + coded[low + 1] * part
        breath[start:end] = word.take.breath[low]
        pitch[start:end] = np.where(word.take.pitch[low] > 0, 440 * 2 ** ((curve[start:end] - 69) / 12), 0)
    sound = synthesise(pitch, envelope, breath * manner.air, manner.formants)
    return sound * _even(sound, starts, notes)


def _even(sound: Audio, starts: list[int], notes: list[Note]) -> Audio:
    """Return a gain ``(samples,)`` that evens out the levels of the syllables and applies the notes' velocities."""
    edges = [int(start * FRAME * RATE) for start in starts] + [sound.shape[-1]]
    spans = [slice(a, max(b, a + 1)) for a, b in pairwise(edges)]
    levels = np.array([np.sqrt(np.square(sound[0, span]).mean() + 1e-10) for span in spans])
    gains = np.clip(np.median(levels) / levels, 0.4, 2.5) ** 0.8 * [(note.velocity / 100) ** 0.7 for note in notes]
    middles = [(span.start + span.stop) / 2 for span in spans]
    return np.asarray(np.interp(np.arange(sound.shape[-1]), middles, gains), np.float32)


def sing_tune(
    takes: list[Take], notes: tuple[Note, ...], samples: int, manner: Manner, rng: np.random.Generator
) -> Audio:
    """Sing a monophonic tune on the syllables of takes, in their order.

    Args:
        takes: Singing or speech of one voice.
        notes: The tune, in order; a pause of 0.35 s ends a phrase.
        samples: Length of the result.
        manner: How it is sung.
        rng: Source of the first syllable and the intonation.

    Returns:
        Float32 ``(1, samples)``; silent if there are no notes or no syllables.
    """
    words = [syllable for take in takes for syllable in syllables(take)]
    out = np.zeros((1, samples), np.float32)
    if not words or not notes:
        return out
    gaps = [i for i in range(1, len(notes)) if notes[i].start - notes[i - 1].start - notes[i - 1].duration > _PAUSE]
    turn = int(rng.integers(len(words)))
    for first, last in zip([0, *gaps], [*gaps, len(notes)], strict=True):
        phrase = list(notes[first:last])
        sound = _phrase(phrase, [words[(turn + i) % len(words)] for i in range(len(phrase))], manner, rng)
        turn += len(phrase)
        start = int(phrase[0].start * RATE)
        length = max(min(sound.shape[-1], samples - start), 0)
        out[:, start : start + length] += sound[:, :length]
    return out
