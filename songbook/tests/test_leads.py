from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from partita_songbook.effects import rms_db
from partita_songbook.leads import Lead, place_phrases
from partita_songbook.singers import Singer
from tones import RATE, median_pitch


@pytest.fixture
def lead(take, setting, rng):
    """A lead that resynthesises its take, tuned to the key."""
    lead = Lead(Singer("alto", "CC0", (take,)), setting, rng)
    lead.natural, lead.doubled, lead.harmony = False, False, 0.0
    lead.voice = replace(lead.voice, tune=1.0, tempo=1.0)
    return lead


def test_the_setting_knows_where_there_is_singing(setting):
    assert [setting.sung(time) for time in (0, 3.9, 4.0, 5.9, 6.0, 99)] == [True, True, False, False, True, True]
    gate = setting.gate()
    assert gate.shape == (1, setting.samples)
    assert (gate[0, [0, RATE, 3 * RATE, 7 * RATE]] == 1).all()
    assert not gate[0, int(4.1 * RATE) : int(5.9 * RATE)].any()
    assert np.abs(np.diff(gate[0])).max() < 0.001  # ramps, no clicks


def test_a_take_is_sung_in_the_key_and_near_the_voice(lead, take):
    sound = lead.sing(take, chorus=False)
    pitch = median_pitch(sound[:1])
    assert round(pitch) % 12 in {0, 4, 7}  # key_shift prefers the triad of C major
    assert abs(pitch - 57 - lead.shift) < 7


def test_a_natural_voice_is_resampled(lead, take):
    lead.natural = True
    sound = lead.sing(take, chorus=False)
    semitones = round(median_pitch(sound[:1]) - 57)
    assert -5 <= semitones <= 6
    assert sound.shape[-1] / RATE == pytest.approx(2 / 2 ** (semitones / 12), abs=0.1)
    assert lead.card()["voice"] == "recorded, resampled"


def test_choruses_are_doubled_and_harmonised(lead, take):
    lead.harmony = 7.0
    assert np.corrcoef(lead.sing(take, chorus=False))[0, 1] > 0.999
    assert np.corrcoef(lead.sing(take, chorus=True))[0, 1] < 0.99


@pytest.mark.parametrize("chops", [False, True])
def test_phrases_start_on_beats_of_bars_with_singing(lead, setting, rng, chops):
    out = place_phrases(lead, setting, chops=chops, rng=rng)
    assert out.shape == (2, setting.samples)
    assert -30 < rms_db(out) < -10
    starts = np.flatnonzero(np.abs(out[0]) > 1e-4)
    first = starts[0] / RATE
    assert first % setting.beat < 0.1
    assert setting.sung(first)


def test_phrases_are_silent_where_nobody_sings(lead, setting, rng):
    out = place_phrases(lead, replace(setting, active=(False,) * 4), chops=False, rng=rng)
    assert not out.any()
