from __future__ import annotations

import numpy as np
import pytest

from partita_songbook.formants import SungNote, croon
from tones import RATE, dominant, median_pitch


def test_the_synthetic_singer_sings_notes_and_vowels(rng):
    syllables = (SungNote(0.1, 0.9, 57, "n", "a"), SungNote(1.2, 0.9, 64, "t", "i"))
    out = croon(syllables, int(2.3 * RATE), rng)
    assert np.abs(out).max() == pytest.approx(1, abs=0.05)
    for syllable, formant in zip(syllables, (800, 330), strict=True):
        held = out[:, int((syllable.start + 0.3) * RATE) : int((syllable.start + 0.8) * RATE)]
        assert median_pitch(held) == pytest.approx(syllable.pitch, abs=0.3)
        # the strongest partial is the one at the first formant
        fundamental = 440 * 2 ** ((syllable.pitch - 69) / 12)
        assert abs(dominant(held[0]) - formant) < fundamental
    gap = out[:, int(1.08 * RATE) : int(1.18 * RATE)]
    assert np.abs(gap).max() < 0.1
