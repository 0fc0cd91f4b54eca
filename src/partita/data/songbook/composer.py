"""Electronic music from a seed: progressions, bass lines, arpeggios, melodies and drum patterns as notes."""

from __future__ import annotations

import numpy as np

from partita.data.songbook.midi import Note

__all__ = ["Harmony", "arpeggio", "bass_line", "beat", "chords", "harmony", "melody"]

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
# Degrees of the scale, one a bar.
_PROGRESSIONS = (
    (0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (3, 4, 5, 5), (0, 3, 0, 4), (0, 2, 3, 4),
    (0, 6, 5, 6), (0, 5, 2, 6), (0, 3, 5, 4), (0, 0, 3, 3), (0, 6, 3, 0), (1, 4, 0, 0),
    (0, 0, 0, 0), (0, 4, 3, 3), (5, 4, 3, 4), (0, 2, 5, 3),
)  # fmt: skip

_RHYTHMS = {  # onsets in sixteenths of a bar and their length
    "held": ((0, 16),),
    "halves": ((0, 8), (8, 8)),
    "eighths": tuple((i, 1.7) for i in range(0, 16, 2)),
    "offbeat": ((2, 1.8), (6, 1.8), (10, 1.8), (14, 1.8)),
    "sixteenths": tuple((i, 0.8) for i in range(16)),
    "tresillo": ((0, 3), (3, 3), (6, 2), (8, 3), (11, 3), (14, 2)),
    "syncopated": ((0, 2.5), (3, 1), (6, 2), (10, 2), (11, 1), (14, 2)),
    "sparse": ((0, 5), (7, 2), (10, 5)),
    "gallop": (
        (0, 2),
        (2, 1),
        (3, 1),
        (4, 2),
        (6, 1),
        (7, 1),
        (8, 2),
        (10, 1),
        (11, 1),
        (12, 2),
        (14, 1),
        (15, 1),
    ),
}

Harmony = tuple[tuple[int, ...], ...]


def harmony(tonic: int, minor: bool, rng: np.random.Generator) -> Harmony:
    """Draw a loop of four or eight bars.

    Args:
        tonic: Pitch class of the key, 0 (C) to 11.
        minor: Mode.
        rng: Source of choices.

    Returns:
        The pitches of each bar's chord around middle C, root first, as voiced near each other.
    """
    scale = _MINOR if minor else _MAJOR
    degrees = list(_PROGRESSIONS[int(rng.integers(len(_PROGRESSIONS)))])
    if rng.random() < 0.3:
        degrees += _PROGRESSIONS[int(rng.integers(len(_PROGRESSIONS)))]
    size = int(rng.choice([3, 3, 3, 4]))
    bars = []
    for degree in degrees:
        steps = [degree + 2 * i for i in range(size)]
        bars.append(tuple(48 + tonic + scale[step % 7] + 12 * (step // 7) for step in steps))
    return tuple(bars)


def _voiced(chord: tuple[int, ...], centre: int) -> list[int]:
    """The chord's pitch classes within six semitones of ``centre``."""
    return sorted(centre + (pitch - centre + 6) % 12 - 6 for pitch in chord)


def _play(
    loop: Harmony, bars: int, beat: float, rhythm: str, pitches: list[list[int]], velocity: int
) -> tuple[Note, ...]:
    step = beat / 4
    return tuple(
        Note((bar * 16 + onset) * step, length * step, pitch, velocity)
        for bar in range(bars)
        for onset, length in _RHYTHMS[rhythm]
        for pitch in pitches[bar % len(loop)]
    )


def chords(loop: Harmony, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Chords in one of several rhythms; ``beat`` is the length of a beat in seconds."""
    rhythm = str(rng.choice(["held", "held", "halves", "offbeat", "syncopated", "tresillo", "sparse"]))
    centre = int(rng.integers(55, 70))
    return _play(loop, bars, beat, rhythm, [_voiced(chord, centre) for chord in loop], 96)


def bass_line(loop: Harmony, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Roots with the odd fifth and octave, between E1 and about D3."""
    rhythm = str(rng.choice(list(_RHYTHMS)))
    low = int(rng.integers(28, 36))
    leaps = rng.random(16) < rng.choice([0.0, 0.15, 0.3])
    interval = int(rng.choice([12, 7, 12]))
    step = beat / 4
    notes = []
    for bar in range(bars):
        root = low + (loop[bar % len(loop)][0] - low) % 12
        for i, (onset, length) in enumerate(_RHYTHMS[rhythm]):
            pitch = root + interval * bool(leaps[i] and i)
            notes.append(Note((bar * 16 + onset) * step, length * step, pitch, 112 if onset % 4 == 0 else 96))
    return tuple(notes)


def arpeggio(loop: Harmony, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """The chord's notes one after the other, over one to three octaves."""
    per_bar = int(rng.choice([8, 16, 16, 12]))
    octaves = int(rng.integers(1, 4))
    centre = int(rng.integers(57, 74))
    order = str(rng.choice(["up", "down", "bounce", "random"]))
    gate = float(rng.uniform(0.4, 1.0))
    mask = rng.random(per_bar) < rng.choice([1.0, 0.8, 0.6])
    mask[0] = True
    shuffled = rng.permutation(64)
    notes = []
    for bar in range(bars):
        ladder = [p + 12 * octave for octave in range(octaves) for p in _voiced(loop[bar % len(loop)], centre)]
        if order == "down":
            ladder.reverse()
        elif order == "bounce":
            ladder += ladder[-2:0:-1]
        for i in np.flatnonzero(mask).tolist():
            rung = int(shuffled[i % 64]) if order == "random" else i
            time = (bar + i / per_bar) * 4 * beat
            notes.append(Note(time, gate * 4 * beat / per_bar, ladder[rung % len(ladder)], 104 if i % 4 == 0 else 84))
    return tuple(notes)


def melody(loop: Harmony, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """A motif of two bars, repeated over the harmony: chord notes on strong beats, steps between."""
    scale = sorted({pitch % 12 for chord in loop for pitch in chord})
    centre = int(rng.integers(66, 80))
    onsets, time = [], 0.0
    while time < 32:
        length = float(rng.choice([1, 2, 2, 3, 4, 4, 6, 8]))
        if rng.random() > 0.25:
            onsets.append((time, length, int(rng.integers(-3, 4))))
        time += length
    notes = []
    for pair in range(0, bars, 2):
        for onset, length, move in onsets:
            bar = pair + int(onset // 16)
            if bar >= bars:
                continue
            chord = loop[bar % len(loop)]
            allowed = {p % 12 for p in chord} if onset % 4 == 0 else set(scale)
            target = centre + 2 * move
            pitch = min((p for p in range(target - 6, target + 7) if p % 12 in allowed), key=lambda p: abs(p - target))
            notes.append(Note((pair * 16 + onset) * beat / 4, length * beat / 4 * 0.95, pitch, 100))
    return tuple(notes)


_KICKS = {
    "house": (0, 4, 8, 12),
    "pop": (0, 8, 10),
    "break": (0, 2, 10, 11),
    "trap": (0, 7, 10),
    "half": (0, 10),
    "electro": (0, 3, 6, 10),
    "dembow": (0, 4, 8, 12),
    "garage": (0, 6, 10),
}
_SNARES = {"trap": (8,), "half": (8,), "dembow": (3, 6, 11, 14)}


def beat(bars: int, seconds: float, rng: np.random.Generator) -> tuple[str, tuple[Note, ...]]:
    """Draw an electronic drum pattern and play it for ``bars`` bars with ``seconds`` to the beat.

    Returns:
        Its name and its notes, General MIDI keys.
    """
    name = str(rng.choice(list(_KICKS)))
    kicks = set(_KICKS[name])
    if name != "house" and rng.random() < 0.5:
        kicks.add(int(rng.integers(1, 16)))
    snares = _SNARES.get(name, (4, 12))
    back = int(rng.choice([38, 39, 38]))
    layered = rng.random() < 0.25
    density = str(rng.choice(["offbeat", "eighths", "sixteenths", "rolls" if name == "trap" else "eighths", "none"]))
    swing = float(rng.choice([0, 0, 0.1, 0.25])) * seconds / 4
    ghost = set(rng.choice(16, 2, replace=False).tolist()) if rng.random() < 0.4 else set()
    shaker = rng.random() < 0.3
    percussion = {int(i): int(rng.choice([37, 56, 45, 50])) for i in rng.choice(16, 3)} if rng.random() < 0.35 else {}
    crash_every = int(rng.choice([4, 8, 16, 1000]))
    notes: list[Note] = []

    def hit(bar: int, step: float, key: int, velocity: float) -> None:
        late = swing if int(step) % 2 else 0.0
        force = int(np.clip(velocity * rng.uniform(0.92, 1.05), 1, 127))
        notes.append(Note((bar * 16 + step) * seconds / 4 + late, 0.1, key, force))

    for bar in range(bars):
        fill = bar % 8 == 7 and rng.random() < 0.7
        for step in range(16):
            late_in_fill = fill and step >= 12
            if step in kicks and not late_in_fill:
                hit(bar, step, 36, 122)
            if step in snares or late_in_fill:
                hit(bar, step, back, 114 if step in snares else 70 + 4 * step)
                if layered:
                    hit(bar, step, 39 if back == 38 else 38, 90)
            if step in ghost and step not in snares:
                hit(bar, step, 38, 38)
            if density == "offbeat" and step % 4 == 2:
                hit(bar, step, 46, 100)
            if (density == "eighths" and step % 2 == 0) or density == "sixteenths":
                hit(bar, step, 42, 105 if step % 4 == 0 else 76)
            if density == "rolls" and step % 2 == 0:
                split = int(rng.choice([1, 1, 1, 2, 3, 4]))
                for i in range(split):
                    hit(bar, step + 2 * i / split, 42, 100 - 8 * i)
            if shaker:
                hit(bar, step, 54, 90 if step % 4 == 2 else 60)
            if step in percussion:
                hit(bar, step, percussion[step], 84)
        if bar % crash_every == 0:
            hit(bar, 0, 49, 105)
    return name, tuple(sorted(notes, key=lambda note: note.start))
