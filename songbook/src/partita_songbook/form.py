"""Song form: the sections of an electronic song, and which layers play in them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

import numpy as np

__all__ = ["Form", "draw_form"]

_FORMS = (
    (("intro", 4), ("verse", 8), ("build", 4), ("drop", 8), ("break", 4), ("verse", 8), ("build", 4), ("drop", 8)),
    (("verse", 8), ("drop", 8), ("verse", 8), ("drop", 8), ("break", 8), ("drop", 8)),
    (("intro", 8), ("drop", 16), ("break", 8), ("build", 4), ("drop", 16), ("outro", 8)),
    (("break", 8), ("build", 8), ("drop", 16), ("verse", 8)),
    (("verse", 8), ("verse", 8), ("break", 4), ("drop", 8)),
)
# Probability that a layer plays in a section.
_CHANCES = {
    "drums": {"intro": 0.6, "verse": 0.97, "build": 0.85, "drop": 1.0, "break": 0.3, "outro": 0.7},
    "bass": {"intro": 0.25, "verse": 0.85, "build": 0.5, "drop": 1.0, "break": 0.25, "outro": 0.6},
    "vocals": {"intro": 0.35, "verse": 0.95, "build": 0.75, "drop": 0.7, "break": 0.8, "outro": 0.4},
    "layer": {"intro": 0.4, "verse": 0.45, "build": 0.5, "drop": 0.6, "break": 0.5, "outro": 0.35},
}


@dataclass(frozen=True)
class Form:
    """The form of a song.

    Attributes:
        sections: Name of the section of each bar.
        starts: The bars in which sections begin.
    """

    sections: tuple[str, ...]
    starts: tuple[int, ...]

    def playing(self, layer: str, rng: np.random.Generator) -> list[bool]:
        """Draw for each bar whether a layer plays; all sections of one name share the choice.

        Args:
            layer: ``drums``, ``bass``, ``vocals``, or ``layer`` for any other.
            rng: Source of the choice.

        Returns:
            One value for each bar, true in at least one of them.
        """
        names = sorted(set(self.sections))
        chosen = {name for name in names if rng.random() < _CHANCES[layer][name]}
        chosen = chosen or {max(names, key=lambda name: _CHANCES[layer][name])}
        return [name in chosen for name in self.sections]


def draw_form(bars: int, rng: np.random.Generator) -> Form:
    """Draw a form of ``bars`` bars; it may start at any of its sections."""
    plan = _FORMS[int(rng.integers(len(_FORMS)))]
    first = int(rng.integers(len(plan)))
    size = float(rng.choice([0.5, 1, 1]))
    sections: list[str] = []
    starts = []
    for name, length in cycle(plan[first:] + plan[:first]):
        if len(sections) >= bars:
            break
        starts.append(len(sections))
        sections += [name] * max(int(length * size), 2)
    return Form(tuple(sections[:bars]), tuple(starts))
