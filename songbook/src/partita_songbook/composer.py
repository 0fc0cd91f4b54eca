"""Random composition: chord progressions, bass lines, arpeggios and melodies, as notes."""

from __future__ import annotations

import numpy as np

from partita_songbook.midi import Note

__all__ = ["BASS_LINES", "Harmony", "acid_line", "arpeggio", "bass_line", "chords", "harmony", "melody", "sparse"]

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
# Scale degrees of the chords, one for each bar.
_PROGRESSIONS = (
    (0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (3, 4, 5, 5), (0, 3, 0, 4), (0, 2, 3, 4),
    (0, 6, 5, 6), (0, 5, 2, 6), (0, 3, 5, 4), (0, 0, 3, 3), (0, 6, 3, 0), (1, 4, 0, 0),
    (0, 0, 0, 0), (0, 4, 3, 3), (5, 4, 3, 4), (0, 2, 5, 3),
)  # fmt: skip

_RHYTHMS = {  # onset and length of each note of a bar, in sixteenths
    "held": ((0, 16),),
    "halves": ((0, 8), (8, 8)),
    "eighths": tuple((i, 1.7) for i in range(0, 16, 2)),
    "offbeat": ((2, 1.8), (6, 1.8), (10, 1.8), (14, 1.8)),
    "sixteenths": tuple((i, 0.8) for i in range(16)),
    "tresillo": ((0, 3), (3, 3), (6, 2), (8, 3), (11, 3), (14, 2)),
    "syncopated": ((0, 2.5), (3, 1), (6, 2), (10, 2), (11, 1), (14, 2)),
    "sparse": ((0, 5), (7, 2), (10, 5)),
    "gallop": tuple((i + j, 2 - bool(j)) for i in range(0, 16, 4) for j in (0, 2, 3)),
    "rolling": tuple((i + j, 0.9) for i in range(0, 16, 4) for j in (1, 2, 3)),
    "trap": ((0, 6), (7, 3), (10, 5)),
    "dotted": ((0, 2.8), (3, 2.8), (6, 2.8), (9, 2.8), (12, 1.9), (14, 1.9)),
    "push": ((0, 3), (4, 1), (7, 4), (11, 3), (14, 2)),
    "long": ((0, 12), (12, 4)),
}

Harmony = tuple[tuple[int, ...], ...]


def harmony(tonic: int, minor: bool, rng: np.random.Generator) -> Harmony:
    """Draw a loop of chords, one for each of four or eight bars.

    Args:
        tonic: Pitch class of the tonic, 0 (C) to 11.
        minor: Whether the key is minor.
        rng: Source of the progression.

    Returns:
        The MIDI pitches of each chord in root position, root first, from C3 (48) upwards.
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
    """Return the pitch classes of a chord as pitches within six semitones of ``centre``, in ascending order."""
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
    """Write the chords in one of several rhythms; ``beat`` is the length of a beat in seconds."""
    rhythm = str(rng.choice(["held", "held", "halves", "offbeat", "syncopated", "tresillo", "sparse"]))
    centre = int(rng.integers(55, 70))
    return _play(loop, bars, beat, rhythm, [_voiced(chord, centre) for chord in loop], 96)


# Style -> roles of its patch, its rhythms, and the probability that a note leaps by a fifth or an octave.
BASS_LINES: dict[str, tuple[tuple[str, ...], tuple[str, ...], float]] = {
    "sub": (("sub",), ("held", "halves", "sparse", "long"), 0.0),
    "off-beat": (("bass", "fm bass", "sub", "sub pluck"), ("offbeat",), 0.1),
    "octaves": (("bass", "fm bass"), ("eighths",), 0.5),
    "eighths": (("bass", "fm bass"), ("eighths",), 0.05),
    "sixteenths": (("bass", "acid"), ("sixteenths", "gallop"), 0.15),
    "rolling": (("bass", "fm bass", "sub", "sub pluck"), ("rolling",), 0.0),
    "reese": (("reese",), ("held", "halves", "long", "push"), 0.0),
    "wobble": (("wobble", "growl"), ("held", "halves", "long"), 0.0),
    "808": (("808",), ("trap", "sparse", "long", "push"), 0.1),
    "plucked sub": (("sub pluck",), ("grouped", "grouped", "eighths", "syncopated", "push", "sparse"), 0.0),
    "syncopated": (
        ("bass", "fm bass", "sub", "sub pluck"),
        ("syncopated", "tresillo", "dotted", "push", "grouped"),
        0.2,
    ),
    "acid": (("acid",), ("sixteenths",), 0.3),
}


def _grouped(rng: np.random.Generator) -> tuple[tuple[int, float], ...]:
    """Draw the rhythm of a bar: groups of two to six sixteenths, each a rest or a note held for part of the group."""
    held = float(rng.uniform(0.4, 0.95))
    onsets, onset = [], 0
    while onset < 16:
        length = min(int(rng.choice([2, 3, 3, 4, 4, 6])), 16 - onset)
        if onset == 0 or rng.random() < 0.85:
            onsets.append((onset, held * length))
        onset += length
    return tuple(onsets)


def _roots(loop: Harmony, bars: int, low: int, follows: bool) -> list[int]:
    """Return the root for each bar in the octave above ``low``; that of the first chord if the line does not follow."""
    return [low + ((loop[bar % len(loop)] if follows else loop[0])[0] - low) % 12 for bar in range(bars)]


def bass_line(style: str, loop: Harmony, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Write a bass line: the roots of the chords, or the first root throughout, with some fifths and octaves.

    Args:
        style: One of :data:`BASS_LINES`.
        loop: The chords.
        bars: Length.
        beat: Length of a beat in seconds.
        rng: Source of all choices.

    Returns:
        Notes between about D1 and B3; the deepest styles start at B0.
    """
    if style == "acid":
        return acid_line(loop, bars, beat, rng)
    _, rhythms, leaping = BASS_LINES[style]
    rhythm = str(rng.choice(list(rhythms)))
    onsets = _grouped(rng) if rhythm == "grouped" else _RHYTHMS[rhythm]
    low = int(rng.integers(23, 31) if style in ("sub", "808", "plucked sub") else rng.integers(26, 36))
    follows = rng.random() > 0.2
    leaps = np.arange(16) % 2 == 1 if style == "octaves" else rng.random(16) < leaping
    interval = int(rng.choice([12, 7, 12]))
    step = beat / 4
    notes = []
    for bar, root in enumerate(_roots(loop, bars, low, follows)):
        for i, (onset, length) in enumerate(onsets):
            pitch = root + interval * bool(leaps[i] and i)
            notes.append(Note((bar * 16 + onset) * step, length * step, pitch, 112 if onset % 4 == 0 else 96))
    return tuple(notes)


def acid_line(loop: Harmony, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Write an acid bass line: one bar of sixteenths with rests, accents and slides, repeated on the roots."""
    low = int(rng.integers(28, 40))
    steps = rng.random(16) < rng.uniform(0.5, 0.95)
    steps[0] = True
    leaps = rng.choice([0, 0, 0, 12, 12, 7, 3, -2, -12], 16)
    tied, accents = rng.random(16) < 0.25, rng.random(16) < 0.3
    follows = rng.random() < 0.5
    notes = []
    for bar, root in enumerate(_roots(loop, bars, low, follows)):
        for i in np.flatnonzero(steps).tolist():
            length = beat / 4 * (1.05 if tied[i] else 0.55)
            notes.append(Note((bar + i / 16) * 4 * beat, length, root + int(leaps[i]), 124 if accents[i] else 84))
    return tuple(notes)


def sparse(loop: Harmony, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Write one to three notes in every bar or every other bar, left to ring."""
    centre, every = int(rng.integers(48, 80)), int(rng.choice([1, 1, 2]))
    onsets = sorted({0.0, *(rng.choice([0, 2, 3, 4, 6, 8, 10, 12], int(rng.integers(0, 3))) / 4).tolist()})
    return tuple(
        Note((4 * bar + onset) * beat, 1.5 * beat, centre + (loop[bar % len(loop)][i % 3] - centre + 6) % 12 - 6, 100)
        for bar in range(0, bars, every)
        for i, onset in enumerate(onsets)
    )


def arpeggio(loop: Harmony, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Write arpeggios of the chords over one to three octaves."""
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
    """Write a melody: a motif of two bars repeated over the chords; chord notes on the beats, scale notes between."""
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
