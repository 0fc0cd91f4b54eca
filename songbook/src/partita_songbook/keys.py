"""Key detection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from partita_songbook.midi import Note

__all__ = ["TONICS", "best_key", "find_key"]

TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_PROFILES = {  # minor? -> weight of each semitone above the tonic (Krumhansl and Kessler, 1982)
    False: (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    True: (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def find_key(notes: tuple[Note, ...]) -> tuple[int, bool]:
    """Find the key of some notes by correlating the durations of pitch classes with key profiles.

    Args:
        notes: The notes.

    Returns:
        The pitch class of the tonic, 0 (C) to 11, and whether the key is minor; C major where there are no notes.
    """
    weight = np.zeros(12)
    for note in notes:
        weight[note.pitch % 12] += note.duration
    return best_key(weight)


def best_key(weight: npt.NDArray[np.float64]) -> tuple[int, bool]:
    """Return the key whose profile correlates best with the weights of the pitch classes.

    Args:
        weight: ``(12,)``, from C up.

    Returns:
        The pitch class of the tonic, 0 (C) to 11, and whether the key is minor; C major for equal weights.
    """
    if weight.std() == 0:
        return 0, False
    fits = {
        (tonic, minor): float(np.corrcoef(np.roll(profile, tonic), weight)[0, 1])
        for minor, profile in _PROFILES.items()
        for tonic in range(12)
    }
    return max(fits, key=lambda key: fits[key])
