"""Sustained vowels: melodies sung by the vocoder, and choirs of resampled recordings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partita_songbook.effects import RATE, Audio, pan
from partita_songbook.midi import Note
from partita_songbook.singing import replay, synthesise
from partita_songbook.takes import FRAME, Take, median_pitch

__all__ = ["choir", "monophonic", "vocalise"]


def monophonic(notes: tuple[Note, ...], low: int, high: int) -> tuple[Note, ...]:
    """Return the top line of a part, transposed by octaves into a range.

    Args:
        notes: In order of onset; of notes that begin together the highest is kept.
        low: Lowest MIDI pitch of the range that the median pitch is moved to.
        high: Highest pitch of that range, at least an octave above.
    """
    top: list[Note] = []
    for note in notes:
        if top and note.start - top[-1].start < 0.06:
            if note.pitch > top[-1].pitch:
                top[-1] = note
        else:
            top.append(note)
    if not top:
        return ()
    middle = float(np.median([note.pitch for note in top]))
    shift = 12 * round(((low + high) / 2 - middle) / 12)
    ends = [note.start for note in top[1:]] + [np.inf]
    return tuple(
        Note(note.start, min(note.duration, end - note.start), note.pitch + shift, note.velocity)
        for note, end in zip(top, ends, strict=True)
    )


def _steady(take: Take, frames: int, rng: np.random.Generator) -> NDArray[np.int_]:
    """Return indices of ``frames`` frames that go back and forth through the middle of a vowel."""
    low, high = int(0.25 * len(take.pitch)), int(0.75 * len(take.pitch))
    span = max(high - low, 2)
    walk = (np.arange(frames) + int(rng.integers(span))) % (2 * span)
    return low + np.where(walk < span, walk, 2 * span - 1 - walk)


def vocalise(
    vowels: tuple[Take, ...], notes: tuple[Note, ...], formants: float, samples: int, rng: np.random.Generator
) -> Audio:
    """Sing a monophonic melody on changing vowels, with portamento and vibrato.

    Args:
        vowels: Takes of vowels, at least one; each note uses those nearest in pitch.
        notes: The melody, in order.
        formants: Factor on the formant frequencies.
        samples: Length of the result.
        rng: Source of the vowels and the intonation.

    Returns:
        Float32 ``(1, samples)``.
    """
    frames = int(samples / RATE / FRAME)
    pitch, loud = np.zeros(frames), np.zeros(frames)
    envelope = np.zeros((frames, vowels[0].envelope.shape[1]))
    breath = np.zeros((frames, vowels[0].breath.shape[1]))
    depth, rate, glide = rng.uniform(15, 70), rng.uniform(4.8, 6.4), rng.uniform(0.03, 0.14)
    last: float | None = None
    for note in notes:
        start = int(note.start / FRAME)
        length = min(int(note.duration * 0.97 / FRAME), frames - start)
        if length < 8:
            continue
        time = np.arange(length) * FRAME
        near = sorted(vowels, key=lambda take: abs(median_pitch(take) - note.pitch))[:4]
        first, second = (near[int(i)] for i in rng.integers(len(near), size=2))
        # one vowel morphs into another within the note; coded envelopes are logarithmic and interpolate well
        morph = np.linspace(rng.random(), rng.random(), length)[:, None] ** 1.5
        one, two = _steady(first, length, rng), _steady(second, length, rng)
        span = slice(start, start + length)
        envelope[span] = first.envelope[one] * (1 - morph) + second.envelope[two] * morph
        breath[span] = first.breath[one]
        curve = note.pitch + rng.normal(0, 0.08) + 0.1 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time)
        curve = curve + depth / 100 * np.clip((time - 0.25) / 0.4, 0, 1) * np.sin(2 * np.pi * rate * time)
        origin = note.pitch - rng.uniform(0, 2) if last is None else last
        curve += (origin - note.pitch) * np.exp(-time / glide)
        pitch[span] = 440 * 2 ** ((curve - 69) / 12)
        # each note swells and fades, so that notes are heard as syllables
        rise, fall = rng.uniform(0.02, 0.09), rng.uniform(0.03, 0.1)
        shape = np.minimum(1, time / rise) * np.minimum(1, (time[-1] - time) / fall + 0.05)
        loud[span] = shape * rng.uniform(0.7, 1.0) * (note.velocity / 127) ** 0.5
        last = note.pitch if rng.random() < 0.8 else None
    out = np.zeros((1, samples), np.float32)
    sung = np.flatnonzero(pitch > 0)
    if len(sung) == 0:
        return out
    # phrase by phrase: the memory of the vocoder grows with the length of its input
    gaps = np.flatnonzero(np.diff(sung) > 60)
    for a, b in zip(sung[np.r_[0, gaps + 1]], sung[np.r_[gaps, len(sung) - 1]] + 1, strict=True):
        silent = pitch[a:b] == 0
        envelope[a:b][silent] = envelope[a]  # inaudible: the loudness is 0
        sound = synthesise(pitch[a:b], envelope[a:b], breath[a:b], formants)
        start = int(a * FRAME * RATE)
        length = min(sound.shape[-1], samples - start)
        gain = np.interp(np.arange(length) / RATE / FRAME, np.arange(b - a), loud[a:b])
        out[:, start : start + length] += (sound[:, :length] * gain).astype(np.float32)
    return out


def choir(vowels: tuple[Take, ...], notes: tuple[Note, ...], samples: int, rng: np.random.Generator) -> Audio:
    """Sing chords on recorded vowels, resampled to the pitches; no note outlasts its recording.

    Args:
        vowels: Takes of vowels, at least one.
        notes: The chords.
        samples: Length of the result.
        rng: Source of the panning.

    Returns:
        Float32 ``(2, samples)``.

    Raises:
        AudioError: A recording cannot be read.
    """
    out = np.zeros((2, samples), np.float32)
    sounds: dict[int, Audio] = {}
    for note in notes:
        if note.pitch not in sounds:
            nearest = min(vowels, key=lambda take: abs(median_pitch(take) - note.pitch))
            shift = float(np.clip(note.pitch - median_pitch(nearest), -7, 7))
            sounds[note.pitch] = pan(replay(nearest, shift), float(rng.uniform(-0.8, 0.8)))
        sound = sounds[note.pitch]
        start = int(note.start * RATE)
        length = min(sound.shape[-1], samples - start, int((note.duration + 0.15) * RATE))
        if length < 2000:
            continue
        held = sound[:, :length].copy()
        held[:, -2000:] *= np.linspace(1, 0, 2000, dtype=np.float32)
        out[:, start : start + length] += held
    return out
