"""Electronic drum patterns of sixteen steps, with variations, fills and swing."""

from __future__ import annotations

import numpy as np

from partita_songbook.midi import Note

__all__ = ["PATTERNS", "drum_part", "snare_roll"]

# Pattern -> General MIDI key -> steps of a bar: x is a hit, o a soft hit.
PATTERNS: dict[str, dict[int, str]] = {
    "house": {36: "x...x...x...x...", 39: "....x.......x...", 46: "..x...x...x...x.", 42: "xo.oxo.oxo.oxo.o"},
    "deep house": {36: "x...x...x...x...", 39: "....x.......x...", 42: "..x...x...x...x.", 37: "...x..x....x.x.."},
    "techno": {36: "x...x...x...x...", 46: "..x...x...x...x.", 42: "oooooooooooooooo", 45: ".....x....x..x.."},
    "minimal": {36: "x...x...x...x...", 37: "...x......x.....", 54: "x.x.x.x.x.x.x.x.", 39: "............x..."},
    "electro": {36: "x..x..x...x.....", 38: "....x.......x...", 42: "x.xxx.xxx.xxx.xx", 56: "......x......x.."},
    "disco": {36: "x...x...x...x...", 38: "....x.......x...", 42: "x.o.x.o.x.o.x.o.", 46: "..x...x...x...x."},
    "pop": {36: "x.......x.x.....", 38: "....x.......x...", 42: "x.x.x.x.x.x.x.x."},
    "pop four": {36: "x...x...x...x...", 38: "....x.......x...", 42: "xoxoxoxoxoxoxoxo"},
    "synthwave": {36: "x...x...x...x...", 38: "....x.......x...", 42: "x.x.x.x.x.x.x.x.", 45: "..............xx"},
    "break": {36: "x.x.......xx....", 38: "....x..o.o..x..o", 42: "x.x.x.x.x.x.x.x."},
    "jungle": {36: "x.x.......x..x..", 38: "....x..x.o..x.x.", 42: "x.x.x.x.x.x.x.x."},
    "drum and bass": {36: "x.........x.....", 38: "....x.......x...", 42: "x.xox.xox.xox.xo"},
    "dubstep": {36: "x.....x....x....", 38: "........x.......", 42: "x..x..x.x..x..x."},
    "half time": {36: "x.........x.....", 39: "........x.......", 42: "x.x.x.x.x.x.x.x."},
    "trap": {36: "x......x..x.....", 39: "........x.......", 42: "x.x.x.x.x.x.x.x."},
    "drill": {36: "x.....x...x..x..", 38: ".......x......x.", 42: "x..x..x.x..x..x."},
    "dembow": {36: "x...x...x...x...", 38: "...x..x....x..x.", 42: "x.x.x.x.x.x.x.x."},
    "garage": {36: "x.....x...x.....", 39: "....x.......x...", 42: "x.xx.xx.x.xx.xx.", 37: ".......x.x.....x"},
    "future": {36: "x.....x.x.....x.", 39: "....x.......x...", 42: "x.xxx.x.x.xxx.x."},
    "boom bap": {36: "x..x......x..x..", 38: "....x.......x...", 42: "x.x.x.x.x.x.x.x."},
    "tom groove": {36: "x...x...x...x...", 45: "x..x..x...x..x..", 47: "..x....x.....x..", 38: "....x.......x..."},
    "industrial": {36: "x..x..x.x..x..x.", 38: "....x.......x...", 56: "..x...x...x...x.", 42: "xxxxxxxxxxxxxxxx"},
    "sparse": {36: "x...............", 37: "......x.......x.", 54: "....x.......x..."},
}
_ROLLS = {"trap": 0.35, "drill": 0.3, "half time": 0.15, "future": 0.15}


def _varied(steps: str, amount: float, rng: np.random.Generator) -> str:
    """Drop or add each hit of a row with probability ``amount``, except on the first step."""
    drawn = rng.random(16)
    return "".join(
        step if i == 0 or drawn[i] > amount else ("." if step != "." else ("o" if rng.random() < 0.4 else "."))
        for i, step in enumerate(steps)
    )


def drum_part(name: str, bars: int, beat: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Write a drum part: a loop of one, two or four varied bars, with a fill in some eighth bars.

    Args:
        name: One of :data:`PATTERNS`.
        bars: Length.
        beat: Length of a beat in seconds.
        rng: Source of the variations.

    Returns:
        Notes with General MIDI drum keys, in order of onset.

    Raises:
        KeyError: The pattern is unknown.
    """
    rows = dict(PATTERNS[name])
    if rng.random() < 0.3:
        rows[54] = "oxoxoxoxoxoxoxox" if rng.random() < 0.5 else "..x...x...x...x."
    if rng.random() < 0.25:
        rows[int(rng.choice([37, 45, 47, 50, 56]))] = _varied("................", 0.5, rng)
    if rng.random() < 0.2 and 38 in rows:
        rows[39] = rows[38]
    amount = float(rng.choice([0.0, 0.05, 0.15]))
    steady = {36} if rows[36] == "x...x...x...x..." else set()
    loop = [
        {key: row if key in steady else _varied(row, amount, rng) for key, row in rows.items()}
        for _ in range(int(rng.choice([1, 2, 4])))
    ]
    swing = float(rng.choice([0, 0, 0.08, 0.2, 0.3])) * beat / 4
    soft = rng.uniform(0.35, 0.75)
    roll = _ROLLS.get(name, 0.02)
    crash_every, fills = int(rng.choice([4, 8, 16, 1000])), rng.random() < 0.7
    notes: list[Note] = []

    def hit(bar: int, step: float, key: int, force: float) -> None:
        late = swing if int(step) % 2 else 0.0
        velocity = int(np.clip(force * 118 * rng.uniform(0.92, 1.05), 1, 127))
        notes.append(Note((bar * 16 + step) * beat / 4 + late, 0.1, key, velocity))

    for bar in range(bars):
        fill = 12 if fills and bar % 8 == 7 else 16
        for key, row in loop[bar % len(loop)].items():
            for step in (i for i, stroke in enumerate(row) if stroke != "." and (i < fill or key == 42)):
                accent = 1.0 if step % 4 == 0 or key in (36, 38, 39) else 0.8
                force = accent * (soft if row[step] == "o" else 1.0)
                splits = int(rng.choice([2, 3, 4])) if key == 42 and rng.random() < roll else 1
                for i in range(splits):
                    hit(bar, step + i / splits * (1 if splits < 4 else 2), key, force * (1 - 0.07 * i))
        for step in range(fill, 16):
            hit(bar, step, int(rng.choice([38, 45, 47, 50])), 0.5 + 0.03 * step)
        if bar % crash_every == 0:
            hit(bar, 0, 49, 0.9)
    return tuple(sorted(notes, key=lambda note: note.start))


def snare_roll(start: float, bars: int, beat: float) -> tuple[Note, ...]:
    """Write a snare roll that doubles its rate twice and grows louder.

    Args:
        start: Onset in seconds.
        bars: Length.
        beat: Length of a beat in seconds.
    """
    notes, time, end = [], start, start + bars * 4 * beat
    while time < end - 1e-6:
        done = (time - start) / (end - start)
        notes.append(Note(time, 0.1, 38, int(40 + 80 * done)))
        time += beat / (1 if done < 0.5 else 2 if done < 0.75 else 4)
    return tuple(notes)
