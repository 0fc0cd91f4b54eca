"""Electronic genres: the tempi, drum patterns, bass lines and layers that songs draw from."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GENRES", "Genre"]

Weights = dict[str, float]


@dataclass(frozen=True)
class Genre:
    """What songs of a genre draw from.

    Attributes:
        tempo: Lowest and highest, in beats per minute.
        patterns: Names of drum patterns (``patterns.PATTERNS``).
        kicks: Kinds of kick drum (``machines.KICKS``).
        basses: Styles of bass line (``composer.BASS_LINES``).
        layers: Role of a layer in ``other`` -> weight: a role of ``patches.ROLES``, ``sparse``, ``instrument``,
            ``guitar`` or ``bed``.
        pump: Probability that the kick ducks bass and other.
        weight: How often the genre is drawn, relative to the others.
    """

    tempo: tuple[float, float]
    patterns: tuple[str, ...]
    kicks: tuple[str, ...]
    basses: tuple[str, ...]
    layers: Weights
    pump: float
    weight: float = 1.0


GENRES: dict[str, Genre] = {
    "house": Genre(
        (116, 128),
        ("house", "deep house", "disco", "minimal"),
        ("punch", "tight", "thump"),
        ("off-beat", "octaves", "syncopated", "sub", "eighths", "plucked sub"),
        {
            "mallet": 1,
            "stab": 2,
            "organ": 1.5,
            "keys": 2,
            "pad": 1.5,
            "pluck": 1,
            "lead": 0.5,
            "instrument": 1,
            "sparse": 0.5,
        },
        0.75,
        1.5,
    ),
    "techno": Genre(
        (122, 142),
        ("techno", "minimal", "industrial", "tom groove"),
        ("punch", "hard", "deep", "thump", "swept"),
        ("rolling", "acid", "sub", "sixteenths", "plucked sub"),
        {
            "mallet": 1,
            "stab": 1.5,
            "drone": 2,
            "pluck": 1.5,
            "bell": 0.7,
            "pad": 1,
            "bed": 1,
            "growl": 0.3,
            "sparse": 0.7,
        },
        0.6,
    ),
    "trance": Genre(
        (130, 144),
        ("techno", "house", "pop four"),
        ("punch", "hard"),
        ("rolling", "off-beat", "sixteenths"),
        {"supersaw": 2.5, "pluck": 2, "lead": 1.5, "pad": 1.5, "stab": 1},
        0.8,
    ),
    "electro pop": Genre(
        (92, 132),
        ("pop", "pop four", "disco", "synthwave", "electro", "sparse"),
        ("punch", "tight", "thump", "deep", "swept"),
        ("eighths", "octaves", "syncopated", "sub", "sixteenths", "off-beat", "plucked sub"),
        {
            "mallet": 1.5,
            "pad": 2,
            "keys": 1.5,
            "pluck": 2,
            "lead": 1,
            "stab": 1,
            "bell": 1,
            "instrument": 1.5,
            "sparse": 1.5,
        }
        | {"guitar": 0.5, "supersaw": 1},
        0.35,
        2.0,
    ),
    "synthwave": Genre(
        (80, 118),
        ("synthwave", "pop four", "tom groove"),
        ("punch", "thump"),
        ("eighths", "octaves", "sixteenths"),
        {"pad": 2, "pluck": 2, "lead": 2, "stab": 1, "bell": 0.7, "guitar": 0.3},
        0.5,
    ),
    "trap": Genre(
        (65, 82),
        ("trap", "half time", "drill", "sparse"),
        ("deep", "tight", "hard", "swept"),
        ("808", "808", "sub", "plucked sub"),
        {
            "mallet": 1,
            "bell": 2,
            "pluck": 1.5,
            "pad": 1.5,
            "keys": 1.5,
            "sparse": 1.5,
            "instrument": 1.5,
            "lead": 0.7,
            "bed": 0.5,
        },
        0.2,
        1.5,
    ),
    "dubstep": Genre(
        (68, 75),
        ("dubstep", "half time"),
        ("punch", "deep", "hard", "swept"),
        ("wobble", "reese", "sub", "plucked sub"),
        {"growl": 1.5, "stab": 1, "pad": 1.5, "drone": 1, "lead": 1, "bell": 0.7, "bed": 0.5},
        0.3,
    ),
    "drum and bass": Genre(
        (160, 178),
        ("drum and bass", "jungle", "break"),
        ("tight", "punch", "swept"),
        ("reese", "sub", "syncopated", "wobble", "plucked sub"),
        {"pad": 2, "pluck": 1, "keys": 1.5, "lead": 1, "stab": 1, "bed": 0.7, "instrument": 1},
        0.25,
    ),
    "future bass": Genre(
        (70, 85),
        ("future", "half time", "trap"),
        ("deep", "punch", "swept"),
        ("808", "sub", "syncopated", "plucked sub"),
        {"mallet": 1, "supersaw": 3, "pluck": 1.5, "bell": 1.5, "stab": 1.5, "keys": 1},
        0.9,
    ),
    "breakbeat": Genre(
        (95, 138),
        ("break", "boom bap", "electro", "garage"),
        ("tight", "punch", "thump", "swept"),
        ("syncopated", "acid", "sub", "plucked sub"),
        {
            "mallet": 1,
            "keys": 1.5,
            "stab": 1,
            "pad": 1.5,
            "organ": 1,
            "instrument": 2,
            "sparse": 1.5,
            "bed": 1,
            "guitar": 0.7,
        },
        0.2,
    ),
    "garage": Genre(
        (126, 136),
        ("garage", "house"),
        ("tight", "punch"),
        ("syncopated", "off-beat", "reese", "sub", "plucked sub"),
        {"mallet": 1, "organ": 1.5, "stab": 1.5, "keys": 1.5, "pad": 1.5, "pluck": 1},
        0.5,
    ),
    "latin pop": Genre(
        (86, 104),
        ("dembow", "pop"),
        ("punch", "deep", "thump", "swept"),
        ("syncopated", "808", "sub", "off-beat", "plucked sub"),
        {"mallet": 1.5, "pluck": 2, "keys": 1.5, "pad": 1, "instrument": 2, "bell": 1, "guitar": 0.7, "lead": 0.7},
        0.3,
    ),
    "downtempo": Genre(
        (70, 104),
        ("boom bap", "sparse", "half time", "minimal", "tom groove", "pop"),
        ("thump", "deep", "tight", "swept"),
        ("sub", "syncopated", "reese", "eighths", "plucked sub"),
        {
            "mallet": 1.5,
            "sparse": 2.5,
            "drone": 1.5,
            "pad": 2,
            "keys": 1.5,
            "instrument": 1.5,
            "bell": 1,
            "bed": 1.5,
            "guitar": 0.5,
        },
        0.2,
        2.0,
    ),
}
