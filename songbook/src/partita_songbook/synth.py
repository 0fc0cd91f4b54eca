"""A wavetable and FM synthesiser that turns notes into float32 audio.

A waveform is a table of one cycle, built from its harmonics below 18 kHz, so that nothing aliases. The filter is
applied to these harmonics: as the cut-off moves, tables for cut-offs a quarter of an octave apart are cross-faded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partita_songbook.effects import RATE, Audio, biquad, equalise
from partita_songbook.midi import Note

__all__ = ["SHAPES", "Patch", "envelope", "frequency", "harmonics", "perform", "play_note", "wavetables"]

SHAPES = ("saw", "square", "triangle", "sine", "additive", "fm")
_SIZE = 8192  # samples of a table; the top 13 of the 32 bits of a phase are the index
_SHIFT = np.uint32(32 - 13)
_TURN = 2**32
_TOP = 18_000.0  # Hz, of the highest harmonic
_PER_OCTAVE = 4  # filtered tables


@dataclass(frozen=True)
class Patch:
    """The settings of the synthesiser.

    Attributes:
        shape: One of :data:`SHAPES`.
        voices: Detuned copies (unison), spread over the stereo field.
        detune: Largest detuning in cents.
        spread: Stereo width of the copies, 0 to 1.
        sub: Level of a sine one octave below.
        octave: Transposition in octaves.
        pulse_width: Pulse width of ``square``, 0 to 1.
        partials: Levels of the harmonics of ``additive``, from the first.
        ratio: Frequency of the modulator of ``fm`` relative to the carrier.
        index: Peak modulation of ``fm`` in radians.
        filter: ``low_pass``, ``band_pass`` or ``high_pass``.
        cutoff: Cut-off of the filter in Hz, before the envelope.
        sweep: Octaves by which the envelope opens the filter.
        resonance: Quality factor of the filter.
        poles: 2 or 4.
        wobble: Octaves by which an LFO moves the cut-off, up and down.
        wobble_rate: Frequency of the LFO in Hz.
        drive: Saturation after the filter in dB.
        attack: Seconds.
        decay: Seconds, of both amplitude and filter.
        sustain: Level after the decay, 0 to 1.
        release: Seconds.
        glide: Time constant of the slide from the previous note in seconds; 0 is none.
        bend: Semitones above its pitch at which a note starts, with a time constant of 40 ms.
        vibrato: Depth in cents, at 5.5 Hz.
        noise: Level of low-passed noise.
    """

    shape: str = "saw"
    voices: int = 1
    detune: float = 0.0
    spread: float = 0.5
    sub: float = 0.0
    octave: int = 0
    pulse_width: float = 0.5
    partials: tuple[float, ...] = (1.0,)
    ratio: float = 1.0
    index: float = 2.0
    filter: str = "low_pass"
    cutoff: float = 2000.0
    sweep: float = 0.0
    resonance: float = 0.7
    poles: int = 2
    wobble: float = 0.0
    wobble_rate: float = 2.0
    drive: float = 0.0
    attack: float = 0.005
    decay: float = 0.3
    sustain: float = 0.7
    release: float = 0.08
    glide: float = 0.0
    bend: float = 0.0
    vibrato: float = 0.0
    noise: float = 0.0


_SINE = Patch("sine")


def frequency(pitch: float) -> float:
    """Return the frequency of a MIDI pitch in Hz."""
    return float(440 * 2 ** ((pitch - 69) / 12))


def harmonics(patch: Patch, count: int) -> NDArray[np.complex128]:
    """Return the first ``count`` harmonics of a waveform whose peak is about 1.

    Args:
        patch: The patch.
        count: Number of harmonics.

    Returns:
        Complex amplitudes of cosines, ``(count,)``.

    Raises:
        ValueError: The shape is ``fm``, which has no table, or unknown.
    """
    number = np.arange(1, count + 1)
    if patch.shape == "sine":
        return np.where(number == 1, -1j, 0j)
    if patch.shape == "saw":
        return np.asarray(2j / (np.pi * number))
    if patch.shape == "square":
        width = patch.pulse_width
        return np.asarray(4 / (np.pi * number) * np.sin(np.pi * number * width) * np.exp(-1j * np.pi * number * width))
    if patch.shape == "triangle":
        return np.where(number % 2 == 1, 8 / (np.pi * number) ** 2, 0).astype(np.complex128)
    if patch.shape == "additive":
        levels = np.zeros(count)
        levels[: len(patch.partials)] = patch.partials[:count]
        # quadratic phases (Schroeder) keep the peak low
        phases = np.exp(1j * np.pi * number**2 / max(len(patch.partials), 1))
        return np.asarray(levels / np.abs(levels).sum() ** 0.75 * phases)
    raise ValueError(f"the shape {patch.shape!r} has no table; known are {', '.join(SHAPES[:-1])}")


def _response(kind: str, ratio: NDArray[np.float64], q: float, poles: int) -> NDArray[np.complex128]:
    """Return the gain of a resonant filter at frequencies relative to its cut-off."""
    s = 1j * ratio
    top = {"low_pass": 1.0, "band_pass": s / q, "high_pass": s * s}[kind]
    gain = top / (s * s + s / q + 1)
    return np.asarray(gain if poles == 2 else gain / (s * s + s / 0.6 + 1) * (top if kind == "high_pass" else 1))


def wavetables(patch: Patch, hertz: float, cutoffs: NDArray[np.float64]) -> Audio:
    """Return one cycle of a patch's waveform, filtered at each of several cut-offs.

    Args:
        patch: The patch.
        hertz: Frequency of the note, which limits the harmonics.
        cutoffs: Cut-offs in Hz.

    Returns:
        Float32 ``(cutoffs, 8192)``.
    """
    count = int(np.clip(_TOP / hertz, 1, _SIZE // 4))
    spectrum = np.zeros((len(cutoffs), _SIZE // 2 + 1), complex)
    ratio = hertz * np.arange(1, count + 1) / cutoffs[:, None]
    spectrum[:, 1 : count + 1] = harmonics(patch, count)
    if patch.shape != "sine":
        spectrum[:, 1 : count + 1] *= _response(patch.filter, ratio, patch.resonance, patch.poles)
    return np.asarray(np.fft.irfft(spectrum, _SIZE) * (_SIZE / 2), np.float32)


def envelope(samples: int, gate: int, attack: float, decay: float, sustain: float, release: float) -> Audio:
    """Return an ADSR envelope.

    Args:
        samples: Length of the result.
        gate: Samples for which the key is held.
        attack: Seconds.
        decay: Seconds.
        sustain: Level, 0 to 1.
        release: Seconds.

    Returns:
        Float32 ``(samples,)``.
    """
    rise, fall = max(int(attack * RATE), 1), max(decay * RATE, 1.0)
    time = np.arange(samples, dtype=np.float32)
    curve = sustain + (1 - sustain) * np.exp(-3 * np.maximum(time - rise, 0) / np.float32(fall))
    curve[:rise] = (time[:rise] / rise)[:samples]
    if gate < samples:
        tail = max(int(release * RATE), 1)
        curve[gate:] = curve[gate - 1 if gate else 0] * np.exp(-5 * (time[gate:] - gate) / np.float32(tail))
        fade = min(tail // 4 + 1, samples - gate)
        curve[samples - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.asarray(curve, np.float32)


def _phases(patch: Patch, hertz: float, slide: float, samples: int, rng: np.random.Generator) -> NDArray[np.uint32]:
    """Return the phases of the unison voices, ``(voices, samples)``, in units of 2^-32 cycles."""
    cents = np.linspace(-1, 1, patch.voices) * patch.detune if patch.voices > 1 else np.zeros(1)
    steps = np.round(hertz * 2 ** (cents / 1200) / RATE * _TURN).astype(np.uint32)
    starts = rng.integers(_TURN, size=patch.voices, dtype=np.uint32)
    if patch.voices == 1:
        starts[:] = 0  # so that every note of a bass starts alike
    if not (patch.vibrato or slide or patch.bend):
        return np.asarray(steps[:, None] * np.arange(samples, dtype=np.uint32) + starts[:, None])
    time = np.arange(samples) / RATE
    octaves = np.minimum(time / 0.4, 1) * (patch.vibrato / 1200) * np.sin(2 * np.pi * 5.5 * time)
    if slide:
        octaves += slide / 12 * np.exp(-time / (patch.glide or 0.05))
    if patch.bend:
        octaves += patch.bend / 12 * np.exp(-time / 0.04)
    warped = np.cumsum(np.exp2(octaves))
    return np.asarray((warped * steps[:, None] + starts[:, None]) % _TURN, np.uint32)


def _radians(phases: NDArray[np.uint32]) -> Audio:
    return phases.astype(np.float32) * np.float32(2 * np.pi / _TURN)


def _filtered(patch: Patch, hertz: float, phases: NDArray[np.uint32], shape: Audio) -> Audio:
    """Return the filtered voices, ``(voices, samples)``; the envelope ``shape`` ``(samples,)`` opens the filter."""
    base = patch.cutoff * (hertz / 261.6) ** (1 / 3)  # a third of full keyboard tracking
    moving = patch.shape != "sine" and (patch.sweep or patch.wobble)
    low, high = (min(patch.sweep, 0) - patch.wobble, max(patch.sweep, 0) + patch.wobble) if moving else (0.0, 0.0)
    cutoffs = np.clip(base * 2 ** np.arange(low, high + 1 / _PER_OCTAVE, 1 / _PER_OCTAVE), 20, 20_000)
    tables = wavetables(patch, hertz, cutoffs)
    index = (phases >> _SHIFT).astype(np.intp)
    if not moving:
        return np.asarray(tables[0].take(index))
    octave = patch.sweep * shape - np.float32(low)
    if patch.wobble:
        turn = np.arange(len(shape), dtype=np.float32) * np.float32(2 * np.pi * patch.wobble_rate / RATE)
        octave = octave + np.float32(patch.wobble) * np.cos(turn)
    place = np.clip(octave * np.float32(_PER_OCTAVE), 0, len(tables) - 1.001)
    table = place.astype(np.intp)
    index += table * _SIZE
    lower = tables.ravel().take(index)
    index += _SIZE
    return np.asarray(lower + (place - table).astype(np.float32) * (tables.ravel().take(index) - lower))


def play_note(patch: Patch, pitch: float, seconds: float, rng: np.random.Generator, *, slide: float = 0.0) -> Audio:
    """Render one note with its release.

    Args:
        patch: The patch.
        pitch: MIDI pitch.
        seconds: How long the key is held.
        rng: Source of phases and noise.
        slide: Semitones above its pitch at which the note starts, for patches with ``glide``.

    Returns:
        Float32 ``(2, samples)`` with a peak of about 1.
    """
    gate = max(int(seconds * RATE), 1)
    samples = gate + int(patch.release * RATE)
    hertz = frequency(pitch + 12 * patch.octave)
    amplitude = envelope(samples, gate, patch.attack, patch.decay, patch.sustain, patch.release)
    phases = _phases(patch, hertz, slide, samples, rng)
    if patch.shape == "fm":
        turns = _phases(patch, hertz * patch.ratio, slide, samples, rng)
        bite = envelope(samples, gate, 0.001, patch.decay, patch.sustain * 0.6, patch.release)
        waves = np.sin(_radians(phases) + np.float32(patch.index) * bite * np.sin(_radians(turns)))
    else:
        waves = _filtered(patch, hertz, phases, amplitude)
    places = np.linspace(-1, 1, patch.voices) * patch.spread if patch.voices > 1 else np.zeros(1)
    gains = np.sqrt(np.stack([1 - places, 1 + places]) / patch.voices)
    audio = gains.astype(np.float32) @ waves
    if patch.noise:
        hiss = np.float32(patch.noise) * rng.standard_normal((2, samples), np.float32)
        audio += equalise(hiss, biquad("low_pass", patch.cutoff * 2**patch.sweep))
    if patch.sub:
        audio += np.float32(patch.sub) * np.sin(_radians(_phases(_SINE, hertz / 2, slide, samples, rng)))
    if patch.drive:
        gain = np.float32(10 ** (patch.drive / 20))
        audio = np.tanh(audio * gain) / np.tanh(gain)
    return np.asarray(audio * amplitude, np.float32)


def perform(patch: Patch, notes: tuple[Note, ...], samples: int, rng: np.random.Generator) -> Audio:
    """Play a part. Notes of equal pitch and duration (within 10 ms) are rendered once and reused.

    Args:
        patch: The patch.
        notes: The part, in order of onset.
        samples: Length of the result.
        rng: Source of phases and noise.

    Returns:
        Float32 ``(2, samples)``.
    """
    out = np.zeros((2, samples), np.float32)
    rendered: dict[tuple[int, int, int], Audio] = {}
    last: Note | None = None
    for note in notes:
        joined = patch.glide and last is not None and note.start < last.start + last.duration + 0.05
        slide = last.pitch - note.pitch if joined and last else 0
        key = (note.pitch, max(round(note.duration * 100), 2), slide)
        if key not in rendered:
            rendered[key] = play_note(patch, note.pitch, key[1] / 100, rng, slide=slide)
        start = int(note.start * RATE)
        sound = rendered[key][:, : max(samples - start, 0)]
        out[:, start : start + sound.shape[-1]] += sound * np.float32((note.velocity / 127) ** 1.5)
        last = note
    return out
