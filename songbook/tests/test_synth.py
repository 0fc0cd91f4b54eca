from __future__ import annotations

import numpy as np
import pytest

from partita_songbook import synth
from partita_songbook.midi import Note
from partita_songbook.patches import random_patch
from partita_songbook.synth import Patch
from tones import RATE, dominant


@pytest.mark.parametrize("shape", ["saw", "square", "triangle", "sine", "fm"])
@pytest.mark.parametrize("pitch", [45, 69])
def test_a_note_has_its_pitch(shape, pitch, rng):
    patch = Patch(shape, cutoff=1000.0, sustain=1.0, index=1.0)
    audio = synth.play_note(patch, pitch, 1.0, rng)
    assert audio.dtype == np.float32
    assert dominant(audio[0]) == pytest.approx(synth.frequency(pitch), abs=0.5)


@pytest.mark.parametrize("shape", ["saw", "square", "additive"])
def test_no_harmonic_lies_above_hearing(shape, rng):
    patch = Patch(shape, cutoff=20_000.0, sustain=1.0, partials=(1.0,) * 30)
    audio = synth.play_note(patch, 102, 1.0, rng)[0, 1000:40_000]  # 2960 Hz
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    near = np.abs(hertz[:, None] - synth.frequency(102) * np.arange(1, 7)).min(1) < 20
    assert spectrum[~near & (hertz > 50)].max() < 1e-3 * spectrum.max()


def test_the_filter_has_the_gain_of_a_two_pole_low_pass():
    open_, closed = synth.wavetables(Patch("saw", resonance=2**-0.5), 100.0, np.array([20_000.0, 1000.0]))
    one, two = np.abs(np.fft.rfft(open_)), np.abs(np.fft.rfft(closed))
    gains = 20 * np.log10(two[[1, 10, 40]] / one[[1, 10, 40]])
    assert gains == pytest.approx([0, -3.01, -24.1], abs=0.2)


@pytest.mark.parametrize("width", [0.2, 0.5])
def test_a_pulse_has_no_offset(width):
    table = synth.wavetables(Patch("square", pulse_width=width), 100.0, np.array([20_000.0]))[0]
    assert abs(table.mean()) < 1e-4
    assert np.mean(table > 0.0) == pytest.approx(width, abs=0.02)


def test_unknown_shapes_are_refused():
    with pytest.raises(ValueError, match="organ"):
        synth.harmonics(Patch("organ"), 4)
    with pytest.raises(ValueError, match="did you mean 'bass'"):
        random_patch("bas", np.random.default_rng(0))


def test_a_gliding_part_slides_from_the_note_before(rng):
    notes = (Note(0.0, 0.5, 48, 127), Note(0.5, 0.5, 60, 127))
    patch = Patch("sine", glide=0.06, sustain=1.0, attack=0.001)
    audio = synth.perform(patch, notes, RATE, rng)[0]
    early, late = audio[RATE // 2 + 2000 : RATE // 2 + 6000], audio[-6000:-500]
    assert dominant(late) == pytest.approx(synth.frequency(60), rel=0.01)
    assert synth.frequency(49) < dominant(early) < synth.frequency(58)


def test_wobble_opens_and_closes_the_filter(rng):
    patch = Patch("saw", cutoff=300, wobble=2, wobble_rate=2, sustain=1.0)
    audio = synth.play_note(patch, 33, 1.0, rng)[0, :RATE]
    brightest, dullest = audio[:2000], audio[RATE // 4 - 1000 : RATE // 4 + 1000]
    assert np.abs(np.diff(brightest, 2)).mean() > 3 * np.abs(np.diff(dullest, 2)).mean()


def test_the_envelope_rises_decays_holds_and_dies():
    curve = synth.envelope(RATE, RATE // 2, 0.1, 0.1, 0.5, 0.3)
    assert curve[0] == 0
    assert curve[int(0.1 * RATE)] == pytest.approx(1, abs=0.01)
    assert curve[int(0.49 * RATE)] == pytest.approx(0.5, abs=0.01)
    assert curve[-1] == 0
    assert (np.diff(curve[RATE // 2 :]) <= 0).all()


def test_the_filter_envelope_darkens_the_note(rng):
    patch = Patch("saw", cutoff=300, sweep=4, decay=0.2, sustain=0.0, release=0.05)
    audio = synth.play_note(patch, 45, 0.6, rng)[0]

    def centre(piece):
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
        return (spectrum * np.fft.rfftfreq(len(piece), 1 / RATE)).sum() / spectrum.sum()

    assert centre(audio[: RATE // 10]) > 2 * centre(audio[RATE // 4 : RATE // 2])


def test_unison_is_wide_and_one_voice_is_not(rng):
    wide = synth.play_note(Patch(voices=5, detune=20, spread=1.0), 57, 0.5, rng)
    narrow = synth.play_note(Patch(), 57, 0.5, rng)
    assert np.corrcoef(wide)[0, 1] < 0.9
    assert np.array_equal(narrow[0], narrow[1])


def test_a_part_has_its_notes_in_their_places(rng):
    notes = (Note(0.5, 0.2, 60, 127), Note(1.5, 0.2, 67, 64), Note(3.9, 1.0, 60, 127))
    audio = synth.perform(Patch("sine", release=0.05), notes, 4 * RATE, rng)
    assert audio.shape == (2, 4 * RATE)
    assert not audio[:, : RATE // 2].any()
    assert not audio[:, int(0.8 * RATE) : int(1.5 * RATE)].any()
    loud, soft = np.abs(audio[:, : 1 * RATE]).max(), np.abs(audio[:, RATE : 2 * RATE]).max()
    assert soft / loud == pytest.approx((64 / 127) ** 1.5, rel=0.05)
    assert dominant(audio[0, int(1.5 * RATE) : int(1.7 * RATE)]) == pytest.approx(synth.frequency(67), abs=3)
