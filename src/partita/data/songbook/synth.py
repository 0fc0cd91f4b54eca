"""A small subtractive and FM synthesiser: patches that turn notes into float32 audio (channels, samples).

Oscillators are band-limited by polynomial corrections at their edges; the filter is a two- or four-pole
biquad whose cut-off follows an envelope in blocks of 64 samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partita.data.songbook.effects import RATE, Audio, sweep
from partita.data.songbook.midi import Note

__all__ = ["Patch", "envelope", "frequency", "oscillator", "perform", "play_note"]

_BLOCK = 64


@dataclass(frozen=True)
class Patch:
    """How a note sounds.

    Attributes:
        shape: ``saw``, ``square``, ``triangle``, ``sine`` or ``fm``.
        voices: Detuned copies (unison), spread over the stereo field.
        detune: Largest detuning in cents.
        spread: Stereo width of the copies, 0 to 1.
        sub: Level of a sine one octave below.
        octave: Octaves to move the part by.
        pulse_width: Of ``square``, 0 to 1.
        ratio: Modulator frequency of ``fm`` relative to the carrier's.
        index: Peak modulation of ``fm`` in radians.
        cutoff: Filter cut-off in Hz, before the envelope.
        sweep: Octaves the envelope opens the filter by.
        resonance: Filter quality.
        poles: 2 or 4.
        attack: Seconds.
        decay: Seconds, of both amplitude and filter.
        sustain: Level held after the decay, 0 to 1.
        release: Seconds.
        vibrato: Depth in cents at 5.5 Hz.
        noise: Level of filtered noise.
    """

    shape: str = "saw"
    voices: int = 1
    detune: float = 0.0
    spread: float = 0.5
    sub: float = 0.0
    octave: int = 0
    pulse_width: float = 0.5
    ratio: float = 1.0
    index: float = 2.0
    cutoff: float = 2000.0
    sweep: float = 0.0
    resonance: float = 0.7
    poles: int = 2
    attack: float = 0.005
    decay: float = 0.3
    sustain: float = 0.7
    release: float = 0.08
    vibrato: float = 0.0
    noise: float = 0.0


def frequency(pitch: float) -> float:
    """Frequency in Hz of a MIDI pitch."""
    return float(440 * 2 ** ((pitch - 69) / 12))


def _edge(phase: NDArray[np.float32], step: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Residue of a band-limited downward jump at phase 0 (PolyBLEP), zero away from it."""
    residue = np.zeros_like(phase)
    step = np.broadcast_to(np.float32(step), phase.shape)
    after = phase < step
    t = phase[after] / step[after]
    residue[after] = t + t - t * t - 1
    before = phase > 1 - step
    t = (phase[before] - 1) / step[before]
    residue[before] = t * t + t + t + 1
    return residue


def oscillator(
    shape: str, cycles: NDArray[np.float64], step: NDArray[np.float32] | float = 0.0, width: float = 0.5
) -> Audio:
    """Waveform of a phase.

    Args:
        shape: ``saw``, ``square``, ``triangle`` or ``sine``.
        cycles: Phase in cycles, any shape.
        step: Cycles per sample, broadcast against ``cycles``; sets the band limit.
        width: Fraction of a cycle that ``square`` is high.

    Returns:
        float32 of the shape of ``cycles``, peak about 1.

    Raises:
        ValueError: An unknown shape.
    """
    if shape == "sine":
        return np.asarray(np.sin(2 * np.pi * (cycles % 1)), np.float32)
    phase = (cycles % 1).astype(np.float32)
    if shape == "saw":
        return np.asarray(2 * phase - 1 - _edge(phase, step), np.float32)
    if shape == "triangle":
        return np.asarray(
            4 * np.abs(phase - 0.5) - 1, np.float32
        )  # its harmonics fall by 12 dB an octave: aliases stay inaudible
    if shape == "square":
        other = ((cycles + (1 - width)) % 1).astype(np.float32)
        naive = np.where(phase < width, np.float32(1), np.float32(-1))
        return np.asarray(naive - (2 * width - 1) + _edge(phase, step) - _edge(other, step), np.float32)
    raise ValueError(f"no oscillator is called {shape!r}")


def envelope(samples: int, gate: int, attack: float, decay: float, sustain: float, release: float) -> Audio:
    """Attack-decay-sustain-release curve (samples,) of a key held for ``gate`` samples, times in seconds."""
    rise, fall = max(int(attack * RATE), 1), max(decay * RATE, 1.0)
    time = np.arange(samples, dtype=np.float32)
    curve = sustain + (1 - sustain) * np.exp(-3 * np.maximum(time - rise, 0) / fall)
    curve[:rise] = (time[:rise] / rise)[:samples]
    if gate < samples:
        tail = max(int(release * RATE), 1)
        curve[gate:] = curve[gate - 1 if gate else 0] * np.exp(-5 * (time[gate:] - gate) / tail)
        fade = min(tail // 4 + 1, samples - gate)
        curve[samples - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.asarray(curve, np.float32)


def play_note(patch: Patch, pitch: int, seconds: float, rng: np.random.Generator) -> Audio:
    """Render one held note with its release: float32 (2, samples), peak about 1 at full velocity."""
    gate = max(int(seconds * RATE), 1)
    samples = gate + int(patch.release * RATE)
    hertz = frequency(pitch + 12 * patch.octave)
    cents = np.linspace(-1, 1, patch.voices) * patch.detune if patch.voices > 1 else np.zeros(1)
    step = hertz * 2 ** (cents / 1200) / RATE
    time = np.arange(samples)
    if patch.vibrato:
        deep = np.minimum(time / RATE / 0.4, 1) * patch.vibrato / 1200 * np.log(2)
        time = time + np.cumsum(deep * np.sin(2 * np.pi * 5.5 * time / RATE))
    cycles = step[:, None] * time + rng.random((patch.voices, 1)) * (patch.voices > 1)
    amplitude = envelope(samples, gate, patch.attack, patch.decay, patch.sustain, patch.release)
    if patch.shape == "fm":
        bite = envelope(samples, gate, 0.001, patch.decay, patch.sustain * 0.6, patch.release)
        deviation = np.sin(2 * np.pi * ((cycles * patch.ratio) % 1)) * (patch.index / (2 * np.pi) * bite)
        waves = oscillator("sine", cycles + deviation)
    else:
        waves = oscillator(patch.shape, cycles, step.astype(np.float32)[:, None], patch.pulse_width)
    places = np.linspace(-1, 1, patch.voices) * patch.spread if patch.voices > 1 else np.zeros(1)
    gains = np.sqrt(np.stack([1 - places, 1 + places]) / 2) / np.sqrt(patch.voices)
    audio = (np.sqrt(2) * gains).astype(np.float32) @ waves
    if patch.noise:
        audio = audio + np.float32(patch.noise) * rng.standard_normal((2, samples), np.float32)
    if patch.shape != "sine":
        base = patch.cutoff * 2 ** ((pitch - 60) / 36)  # a third of full keyboard tracking
        opening = base * 2 ** (patch.sweep * amplitude[:: _BLOCK if patch.sweep else samples])
        audio = sweep(audio, "low_pass", opening.astype(np.float64), patch.resonance, poles=patch.poles)
    if patch.sub:
        audio = audio + np.float32(patch.sub) * oscillator("sine", 0.5 * step.mean() * time)
    return np.asarray(audio * amplitude, np.float32)


def perform(patch: Patch, notes: tuple[Note, ...], samples: int, rng: np.random.Generator) -> Audio:
    """Play a part: float32 (2, samples).

    Notes of the same pitch and (within 10 ms) duration are rendered once: sequenced music repeats itself.
    """
    out = np.zeros((2, samples), np.float32)
    rendered: dict[tuple[int, int], Audio] = {}
    for note in notes:
        key = (note.pitch, max(round(note.duration * 100), 2))
        if key not in rendered:
            rendered[key] = play_note(patch, note.pitch, key[1] / 100, rng)
        start = int(note.start * RATE)
        sound = rendered[key][:, : max(samples - start, 0)]
        out[:, start : start + sound.shape[-1]] += sound * np.float32((note.velocity / 127) ** 1.5)
    return out
