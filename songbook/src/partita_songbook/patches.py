"""Random synthesiser patches for the roles of an electronic arrangement."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from partita.errors import nearest
from partita_songbook.synth import Patch

__all__ = ["ROLES", "random_patch"]


class _Log(NamedTuple):
    """The range of a log-uniform draw."""

    low: float
    high: float


# Fields of a patch: a pair is the range of a uniform draw, a list holds alternatives, any other value is fixed.
_Ranges = dict[str, Any]
_BASS: _Ranges = {
    "voices": [1, 1, 2, 3],
    "detune": (3, 14),
    "spread": (0, 0.3),
    "sub": [0, 0.5, 0.9],
    "cutoff": _Log(90, 1500),
    "sweep": (0.5, 4),
    "resonance": _Log(0.6, 4),
    "poles": [2, 4],
    "attack": _Log(0.001, 0.012),
    "decay": _Log(0.08, 0.6),
    "sustain": (0.2, 0.9),
    "release": (0.03, 0.12),
    "drive": [0, 0, 4, 10],
    "glide": [0, 0, 0.03],
}
_SUPERSAW: _Ranges = {
    "shape": ["saw", "saw", "saw", "square"],
    "voices": [5, 7, 7],
    "detune": (10, 32),
    "spread": (0.6, 1),
    "cutoff": _Log(900, 12000),
    "resonance": (0.5, 1.4),
}
ROLES: dict[str, _Ranges] = {
    "bass": {**_BASS, "shape": ["saw", "square", "saw", "fm"], "pulse_width": (0.15, 0.5), "ratio": [0.5, 1, 2, 3]},
    "sub": {
        "shape": ["sine", "triangle", "sine"],
        "cutoff": _Log(150, 600),
        "attack": (0.004, 0.02),
        "decay": (0.3, 1.5),
        "sustain": (0.3, 1),
        "release": (0.05, 0.2),
        "drive": [0, 0, 3, 8],
        "glide": [0, 0, 0.04],
    },
    "sub pluck": {  # as low and as short as a kick, with a click, but of constant pitch
        "shape": ["sine", "sine", "triangle"],
        "cutoff": _Log(200, 2000),
        "attack": _Log(0.0005, 0.005),
        "decay": _Log(0.08, 0.7),
        "sustain": [0, 0, 0.15, 0.5],
        "release": _Log(0.008, 0.08),
        "drive": [0, 0, 0, 4],
    },
    "808": {
        "shape": "sine",
        "attack": 0.002,
        "decay": _Log(0.6, 2.5),
        "sustain": (0.0, 0.3),
        "release": (0.05, 0.3),
        "bend": (3, 18),
        "drive": [0, 4, 10, 16],
        "glide": [0, 0.06],
    },
    "acid": {
        "shape": ["saw", "saw", "square"],
        "cutoff": _Log(120, 500),
        "sweep": (1.5, 4.5),
        "resonance": _Log(3, 14),
        "poles": 4,
        "attack": 0.002,
        "decay": _Log(0.1, 0.4),
        "sustain": (0, 0.3),
        "release": 0.04,
        "drive": (4, 18),
        "glide": 0.03,
    },
    "reese": {
        "shape": ["saw", "saw", "square"],
        "voices": [2, 3, 4],
        "detune": (12, 40),
        "spread": (0, 0.6),
        "sub": [0.4, 0.8],
        "cutoff": _Log(250, 2500),
        "wobble": (0, 1.2),
        "wobble_rate": _Log(0.1, 0.6),
        "poles": [2, 4],
        "sustain": 0.9,
        "decay": 1.0,
        "drive": [0, 6, 14],
        "glide": [0, 0.08],
    },
    "wobble": {
        "shape": ["saw", "square", "additive"],
        "voices": [1, 2, 3],
        "detune": (5, 25),
        "sub": [0.5, 0.9],
        "cutoff": _Log(200, 900),
        "wobble": (1, 2.5),
        "wobble_rate": [2.0, 3.0, 4.0, 6.0, 8.0],
        "resonance": _Log(1, 6),
        "poles": 4,
        "sustain": 1.0,
        "drive": [4, 10, 18],
    },
    "fm bass": {
        "shape": "fm",
        "ratio": [0.5, 1, 1, 2, 3, 1.41],
        "index": _Log(0.8, 6),
        "attack": 0.002,
        "decay": _Log(0.08, 0.5),
        "sustain": (0.1, 0.7),
        "release": (0.03, 0.15),
        "drive": [0, 0, 6],
    },
    "pluck": {
        "shape": ["saw", "square", "triangle", "fm", "additive"],
        "voices": [1, 2, 3],
        "pulse_width": (0.15, 0.5),
        "detune": (4, 18),
        "ratio": [1, 2, 3, 5, 7],
        "cutoff": _Log(250, 2500),
        "sweep": (1.5, 5),
        "resonance": _Log(0.6, 5),
        "poles": [2, 4],
        "attack": 0.002,
        "decay": _Log(0.1, 0.5),
        "sustain": (0, 0.2),
        "release": _Log(0.08, 0.4),
    },
    "pad": {
        "shape": ["saw", "saw", "square", "additive", "fm", "triangle"],
        "voices": [3, 4, 5],
        "detune": (8, 25),
        "spread": (0.6, 1),
        "cutoff": _Log(300, 5000),
        "wobble": [0, 0, 0.6, 1.2],
        "wobble_rate": _Log(0.08, 0.5),
        "resonance": (0.5, 1.5),
        "attack": _Log(0.05, 0.8),
        "decay": 1.0,
        "sustain": (0.6, 1),
        "release": (0.2, 0.9),
        "noise": [0, 0, 0.03],
        "ratio": [1, 2, 3],
        "index": _Log(0.4, 2),
    },
    "supersaw": {**_SUPERSAW, "attack": _Log(0.003, 0.05), "sustain": (0.7, 1), "release": (0.1, 0.5)},
    "stab": {
        **_SUPERSAW,
        "sweep": (0, 1.5),
        "attack": 0.003,
        "decay": (0.1, 0.6),
        "sustain": (0, 0.6),
        "release": (0.05, 0.3),
    },
    "lead": {
        "shape": ["saw", "square", "triangle", "fm", "sine", "additive"],
        "voices": [1, 2, 5],
        "pulse_width": (0.15, 0.5),
        "detune": (3, 16),
        "ratio": [1, 2, 3],
        "index": _Log(0.6, 4),
        "cutoff": _Log(800, 8000),
        "sweep": (0, 2),
        "resonance": _Log(0.6, 4),
        "attack": _Log(0.003, 0.05),
        "sustain": (0.5, 0.9),
        "release": (0.05, 0.3),
        "vibrato": (0, 30),
        "glide": [0, 0, 0.05, 0.1],
        "drive": [0, 0, 6],
    },
    "keys": {
        "shape": ["fm", "fm", "triangle", "additive"],
        "ratio": [1, 2, 4, 7, 14],
        "index": _Log(0.3, 3),
        "cutoff": 6000.0,
        "attack": 0.003,
        "decay": (0.5, 2),
        "sustain": (0.05, 0.3),
        "release": (0.1, 0.4),
    },
    "bell": {
        "shape": "fm",
        "ratio": [1.41, 2.76, 3.5, 5.4, 7, 2.41],
        "index": _Log(0.5, 3),
        "attack": 0.002,
        "decay": _Log(0.6, 3),
        "sustain": 0.0,
        "release": (0.4, 1.5),
    },
    "mallet": {  # tuned percussion, some of it with a thump
        "shape": ["sine", "fm", "fm", "additive"],
        "octave": [-1, 0, 0],
        "ratio": [1, 2, 3, 3.9, 4, 5.4, 10],
        "index": _Log(0.2, 2),
        "cutoff": _Log(600, 6000),
        "attack": _Log(0.0005, 0.003),
        "decay": _Log(0.08, 0.5),
        "sustain": 0.0,
        "release": _Log(0.03, 0.3),
        "bend": [0, 0, 2, 7, 12],
        "drive": [0, 0, 4],
    },
    "organ": {
        "shape": "additive",
        "cutoff": _Log(1500, 12000),
        "attack": 0.006,
        "sustain": 1.0,
        "release": (0.03, 0.1),
        "vibrato": [0, 0, 8],
    },
    "drone": {
        "shape": ["saw", "additive", "triangle"],
        "voices": [3, 5],
        "detune": (4, 20),
        "spread": (0.3, 1),
        "octave": [-1, 0, 0],
        "cutoff": _Log(200, 2000),
        "wobble": (0.3, 1.5),
        "wobble_rate": _Log(0.05, 0.4),
        "resonance": _Log(0.7, 5),
        "attack": 0.5,
        "sustain": 1.0,
        "release": 1.0,
        "noise": [0, 0.05, 0.2],
    },
    "growl": {
        "shape": ["fm", "fm", "additive"],
        "ratio": [0.5, 1, 1.5, 2],
        "index": _Log(3, 10),
        "cutoff": _Log(300, 1200),
        "wobble": (0.5, 2),
        "wobble_rate": [3.0, 4.0, 6.0, 8.0],
        "sustain": (0.6, 1),
        "sub": 0.6,
        "drive": (6, 20),
    },
}


def _draw(rng: np.random.Generator, value: Any) -> Any:
    if isinstance(value, _Log):
        return float(np.exp(rng.uniform(np.log(value.low), np.log(value.high))))
    if isinstance(value, tuple):
        return float(rng.uniform(*value))
    if isinstance(value, list):
        return value[int(rng.integers(len(value)))]
    return value


def random_patch(role: str, rng: np.random.Generator) -> Patch:
    """Draw a patch for a role.

    Args:
        role: One of :data:`ROLES`.
        rng: Source of the settings.

    Raises:
        ValueError: The role is unknown.
    """
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}{nearest(role, ROLES)}")
    fields = {name: _draw(rng, value) for name, value in ROLES[role].items()}
    # a random waveform: the harmonics fall off, and any of them may be weak
    levels = rng.random(int(rng.integers(3, 24))) ** 2
    falling = levels / np.arange(1, len(levels) + 1) ** rng.uniform(0.3, 1.2)
    falling[0] = max(falling[0], 0.3)
    return Patch(partials=tuple(float(level) for level in falling), **fields)
