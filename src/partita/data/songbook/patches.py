"""Synthesiser patches drawn at random for the roles of an electronic arrangement."""

from __future__ import annotations

from typing import Any

import numpy as np

from partita.data.songbook.synth import Patch

__all__ = ["random_patch"]


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def random_patch(role: str, rng: np.random.Generator) -> Patch:
    """Draw a patch for a role: ``bass``, ``sub``, ``pluck``, ``pad``, ``lead``, ``keys`` or ``stab``.

    Raises:
        KeyError: An unknown role.
    """
    shape = str(rng.choice(["saw", "square", "saw", "fm"]))
    common: dict[str, Any] = {
        "shape": shape,
        "pulse_width": rng.uniform(0.15, 0.5),
        "ratio": float(rng.choice([0.5, 1, 1, 2, 3, 3.5, 5, 7])),
        "index": _log(rng, 0.6, 6),
        "resonance": _log(rng, 0.6, 6),
        "poles": int(rng.choice([2, 4])),
    }
    roles: dict[str, dict[str, Any]] = {
        "bass": {
            "voices": int(rng.choice([1, 1, 2, 3])),
            "detune": rng.uniform(3, 14),
            "spread": rng.uniform(0, 0.3),
            "sub": float(rng.choice([0, 0.5, 0.9])),
            "ratio": float(rng.choice([0.5, 1, 2, 3])),
            "cutoff": _log(rng, 90, 1500),
            "sweep": rng.uniform(0.5, 4),
            "attack": _log(rng, 0.001, 0.02),
            "decay": _log(rng, 0.08, 0.6),
            "sustain": rng.uniform(0.2, 0.9),
            "release": rng.uniform(0.03, 0.12),
        },
        "sub": {
            "shape": str(rng.choice(["sine", "triangle", "sine"])),
            "cutoff": _log(rng, 150, 600),
            "attack": rng.uniform(0.004, 0.02),
            "decay": rng.uniform(0.3, 1.5),
            "sustain": rng.uniform(0.3, 1),
            "release": rng.uniform(0.05, 0.2),
        },
        "pluck": {
            "voices": int(rng.choice([1, 2, 3])),
            "detune": rng.uniform(4, 18),
            "cutoff": _log(rng, 250, 2500),
            "sweep": rng.uniform(1.5, 5),
            "attack": 0.002,
            "decay": _log(rng, 0.1, 0.5),
            "sustain": rng.uniform(0, 0.2),
            "release": _log(rng, 0.08, 0.4),
        },
        "pad": {
            "shape": str(rng.choice(["saw", "saw", "square", "fm"])),
            "voices": int(rng.choice([3, 4, 5])),
            "detune": rng.uniform(8, 25),
            "spread": rng.uniform(0.6, 1),
            "cutoff": _log(rng, 400, 5000),
            "resonance": rng.uniform(0.5, 1.2),
            "poles": 2,
            "attack": _log(rng, 0.05, 0.8),
            "decay": 1.0,
            "sustain": rng.uniform(0.6, 1),
            "release": rng.uniform(0.2, 0.9),
            "noise": float(rng.choice([0, 0, 0.03])),
            "index": _log(rng, 0.4, 2),
        },
        "lead": {
            "shape": str(rng.choice(["saw", "square", "triangle", "fm", "sine"])),
            "voices": int(rng.choice([1, 2, 5])),
            "detune": rng.uniform(3, 16),
            "cutoff": _log(rng, 800, 8000),
            "sweep": rng.uniform(0, 2),
            "attack": _log(rng, 0.003, 0.05),
            "sustain": rng.uniform(0.5, 0.9),
            "release": rng.uniform(0.05, 0.3),
            "vibrato": rng.uniform(0, 30),
        },
        "keys": {
            "shape": str(rng.choice(["fm", "fm", "triangle"])),
            "ratio": float(rng.choice([1, 2, 4, 7, 14])),
            "index": _log(rng, 0.4, 3),
            "cutoff": 6000.0,
            "attack": 0.003,
            "decay": rng.uniform(0.5, 2),
            "sustain": rng.uniform(0.05, 0.3),
            "release": rng.uniform(0.1, 0.4),
        },
        "stab": {
            "shape": "saw",
            "voices": int(rng.choice([5, 7])),
            "detune": rng.uniform(12, 30),
            "spread": rng.uniform(0.6, 1),
            "cutoff": _log(rng, 1500, 9000),
            "sweep": rng.uniform(0, 1.5),
            "resonance": rng.uniform(0.5, 1.5),
            "attack": 0.004,
            "decay": rng.uniform(0.2, 0.8),
            "sustain": rng.uniform(0.3, 0.9),
            "release": rng.uniform(0.08, 0.3),
        },
    }
    return Patch(**{**common, **roles[role]})
