"""Studio effects on float32 audio ``(channels, samples)``; each returns a new array of the same shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pedalboard import Delay
from scipy import signal

__all__ = [
    "RATE",
    "Audio",
    "biquad",
    "compress",
    "compression",
    "delay",
    "equalise",
    "normalise",
    "pan",
    "reverb",
    "rms_db",
    "saturate",
    "sidechain",
    "sweep",
    "tremolo",
    "widen",
]

Audio = NDArray[np.float32]
RATE = 44_100  # Hz
_HOP = 64  # samples per step of a compressor's envelope: 1.5 ms


def biquad(kind: str, frequency: float, q: float = 0.7071, gain_db: float = 0.0) -> NDArray[np.float64]:
    """Design a filter of the Audio EQ Cookbook (Bristow-Johnson).

    Args:
        kind: ``low_pass``, ``high_pass``, ``band_pass``, ``peak``, ``low_shelf`` or ``high_shelf``.
        frequency: Cut-off or centre in Hz; clipped to 10 Hz and 0.45 of the sample rate.
        q: Quality factor. Default: 0.7071, maximally flat (Butterworth).
        gain_db: Gain of ``peak`` and the shelves in dB.

    Returns:
        A second-order section, ``(1, 6)``.

    Raises:
        KeyError: An unknown ``kind``.
    """
    w = 2 * np.pi * min(max(frequency, 10.0), 0.45 * RATE) / RATE
    c, alpha, a = np.cos(w), np.sin(w) / (2 * q), 10 ** (gain_db / 40)
    beta = 2 * np.sqrt(a) * alpha
    sections = {
        "low_pass": ((1 - c) / 2, 1 - c, (1 - c) / 2, 1 + alpha, -2 * c, 1 - alpha),
        "high_pass": ((1 + c) / 2, -(1 + c), (1 + c) / 2, 1 + alpha, -2 * c, 1 - alpha),
        "band_pass": (alpha, 0.0, -alpha, 1 + alpha, -2 * c, 1 - alpha),
        "peak": (1 + alpha * a, -2 * c, 1 - alpha * a, 1 + alpha / a, -2 * c, 1 - alpha / a),
        "low_shelf": (
            a * ((a + 1) - (a - 1) * c + beta),
            2 * a * ((a - 1) - (a + 1) * c),
            a * ((a + 1) - (a - 1) * c - beta),
            (a + 1) + (a - 1) * c + beta,
            -2 * ((a - 1) + (a + 1) * c),
            (a + 1) + (a - 1) * c - beta,
        ),
        "high_shelf": (
            a * ((a + 1) + (a - 1) * c + beta),
            -2 * a * ((a - 1) + (a + 1) * c),
            a * ((a + 1) + (a - 1) * c - beta),
            (a + 1) - (a - 1) * c + beta,
            2 * ((a - 1) - (a + 1) * c),
            (a + 1) - (a - 1) * c - beta,
        ),
    }
    section = np.array(sections[kind])
    return np.asarray(section / section[3])[None]


def equalise(audio: Audio, *sections: NDArray[np.float64]) -> Audio:
    """Filter with biquad sections in series, see :func:`biquad`."""
    if not sections:
        return audio.copy()
    return np.asarray(signal.sosfilt(np.concatenate(sections).astype(np.float32), audio, axis=-1), np.float32)


def sweep(audio: Audio, kind: str, cutoff: NDArray[np.float64], q: float = 0.7071, *, poles: int = 2) -> Audio:
    """Filter with a moving cut-off.

    Args:
        audio: Float32 ``(channels, samples)``.
        kind: As in :func:`biquad`.
        cutoff: Cut-offs in Hz, each of which holds for an equal share of the samples.
        q: Quality factor.
        poles: 2 (12 dB per octave) or 4 (24 dB per octave).
    """
    out = np.empty_like(audio)
    state = np.zeros((poles // 2, len(audio), 2), np.float32)
    edges = np.linspace(0, audio.shape[-1], len(cutoff) + 1).astype(int)
    for start, end, hertz in zip(edges[:-1], edges[1:], cutoff, strict=True):
        section = biquad(kind, float(hertz), q).astype(np.float32)
        chain = section if poles == 2 else np.concatenate([section, section])
        out[:, start:end], state = signal.sosfilt(chain, audio[:, start:end], zi=state)
    return out


def rms_db(audio: Audio) -> float:
    """Return the level of the active parts in dB: the RMS of the 100 ms blocks within 30 dB of the loudest one."""
    block = RATE // 10
    usable = audio.shape[-1] // block * block
    if usable == 0:
        power = np.mean(np.square(audio, dtype=np.float64), keepdims=True)
    else:
        blocks = audio[:, :usable].reshape(len(audio), -1, block)
        power = np.einsum("cbs,cbs->b", blocks, blocks).astype(np.float64) / (len(audio) * block)
    loud = power[power >= power.max() * 1e-3]
    return float(10 * np.log10(loud.mean() + 1e-12))


def normalise(audio: Audio, level_db: float) -> Audio:
    """Scale to a level in dB as of :func:`rms_db`; silence stays silent."""
    now = rms_db(audio)
    return audio.copy() if now < -100 else audio * np.float32(10 ** ((level_db - now) / 20))


def saturate(audio: Audio, drive_db: float) -> Audio:
    """Clip softly (tanh) with a drive in dB relative to the signal's own peak; the peak is kept."""
    peak = float(np.abs(audio).max(initial=0.0))
    if peak == 0:
        return audio.copy()
    drive = np.float32(10 ** (drive_db / 20))
    return np.asarray(np.tanh(audio * (drive / peak)) * (peak / np.tanh(drive)), np.float32)


def _follow(level: NDArray[np.float64], attack: float, release: float) -> NDArray[np.float64]:
    """Return the peak envelope of a level in dB: linear release in dB of the running maximum, then one-pole attack."""
    hops = RATE / _HOP
    held = np.empty_like(level)
    fall, last = 8.7 / (release * hops), -120.0  # dB per hop: 8.7 dB (a factor e) in one release time
    for i, value in enumerate(level):
        last = held[i] = max(value, last - fall)
    pole = np.exp(-1 / (attack * hops))
    return np.asarray(signal.lfilter([1 - pole], [1, -pole], held, zi=[held[0] * pole])[0])


def compression(audio: Audio, threshold_db: float, ratio: float, attack: float = 0.005, release: float = 0.1) -> Audio:
    """Return the gain of a compressor whose detector takes the louder channel, without make-up gain.

    Args:
        audio: Float32 ``(channels, samples)``.
        threshold_db: Threshold in dBFS.
        ratio: Ratio above it.
        attack: Seconds.
        release: Seconds.

    Returns:
        Float32 ``(1, samples)``.
    """
    samples = audio.shape[-1]
    padded = np.pad(np.abs(audio).max(0), (0, -samples % _HOP)).reshape(-1, _HOP).max(1)
    level = _follow(20 * np.log10(padded.astype(np.float64) + 1e-6), attack, release)
    gain_db = -np.maximum(level - threshold_db, 0) * (1 - 1 / ratio)
    steps = np.asarray(10 ** (gain_db / 20), np.float32)[:, None]
    ramps = np.diff(steps, axis=0, append=steps[-1:]) * (np.arange(_HOP, dtype=np.float32) / _HOP)
    return np.asarray((steps + ramps).reshape(1, -1)[:, :samples], np.float32)


def compress(audio: Audio, threshold_db: float, ratio: float, attack: float = 0.005, release: float = 0.1) -> Audio:
    """Compress audio with the gain of :func:`compression`."""
    return audio * compression(audio, threshold_db, ratio, attack, release)


def sidechain(samples: int, onsets: NDArray[np.float64], depth: float, release: float) -> Audio:
    """Return the gain of side-chain compression: it drops to ``1 - depth`` at each onset and recovers.

    Args:
        samples: Length of the result.
        onsets: Times of the kicks in seconds, ascending.
        depth: Between 0 (no effect) and 1 (down to silence).
        release: Seconds until the gain is 1 again.

    Returns:
        Float32 ``(1, samples)``.
    """
    gain = np.ones(samples, np.float32)
    swell = np.sin(np.linspace(0, np.pi / 2, max(int(release * RATE), 1), dtype=np.float32)) ** 1.5
    curve = (1 - depth) + depth * swell
    attack = np.linspace(1, 0, int(0.003 * RATE), dtype=np.float32)
    starts = (np.asarray(onsets) * RATE).astype(int)
    starts = starts[starts < samples]
    for start, end in zip(starts, np.append(starts, samples)[1:], strict=True):
        stop = min(start + len(curve), end)
        gain[start:stop] = curve[: stop - start]
    for start in starts:  # a ramp of 3 ms instead of a click
        ramp = min(len(attack), samples - start)
        gain[start : start + ramp] += ((gain[start - 1] if start else 1) - gain[start : start + ramp]) * attack[:ramp]
    return gain[None]


def delay(audio: Audio, seconds: float, feedback: float, mix: float, *, ping_pong: bool = False) -> Audio:
    """Add low-passed echoes.

    Args:
        audio: Float32 ``(2, samples)``.
        seconds: Time between echoes.
        feedback: Gain from each echo to the next.
        mix: Level of the echoes; the first has ``mix * feedback``.
        ping_pong: Send the odd echoes to the left and the even ones to the right.
    """
    sent = equalise(audio * np.float32(mix), biquad("low_pass", 4000, 0.5))
    if not ping_pong:
        return np.asarray(audio + np.float32(feedback) * Delay(seconds, feedback, 1.0)(sent, RATE), np.float32)
    mono = sent.mean(0, keepdims=True)
    even = np.float32(feedback**2) * Delay(2 * seconds, feedback**2, 1.0)(mono, RATE)
    odd = np.zeros_like(even)
    step = min(max(int(seconds * RATE), 1), audio.shape[-1])
    odd[:, step:] = np.float32(feedback) * (mono + even)[:, : audio.shape[-1] - step]
    return np.asarray(audio + np.concatenate([odd, even]), np.float32)


def reverb(audio: Audio, seconds: float, mix: float, rng: np.random.Generator, *, bright: float = 6000.0) -> Audio:
    """Add reverberation: convolution with decaying noise.

    Args:
        audio: Float32 ``(channels, samples)``.
        seconds: Reverberation time: the decay by 60 dB.
        mix: Amplitude of the reverberation relative to the dry signal, for white input.
        rng: Source of the noise and the pre-delay.
        bright: Low-pass of the room in Hz.
    """
    length = int(seconds * RATE)
    noise = rng.standard_normal((len(audio), length), np.float32)
    room = noise * np.exp(-6.91 * np.arange(length, dtype=np.float32) / length)
    room[:, : int(rng.uniform(0.0, 0.03) * RATE)] = 0  # pre-delay
    room = equalise(room, biquad("low_pass", bright), biquad("high_pass", 180))
    room *= np.float32(mix) / (np.sqrt(np.square(room).sum(-1, keepdims=True)) + 1e-9)
    wet = signal.oaconvolve(audio, room, axes=-1)[:, : audio.shape[-1]]
    return np.asarray(audio + wet, np.float32)


def pan(mono: Audio, position: float) -> Audio:
    """Pan ``(1, samples)``, or balance ``(2, samples)``, between left (-1) and right (1) at equal power."""
    angle = (position + 1) * np.pi / 4
    gains = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32)
    return np.asarray(np.broadcast_to(mono, (2, mono.shape[-1])) * gains, np.float32)


def widen(audio: Audio, width: float) -> Audio:
    """Scale the side signal of ``(2, samples)``: 0 is mono, 1 changes nothing."""
    middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2 * np.float32(width)
    return np.stack([middle + side, middle - side])


def tremolo(audio: Audio, frequency: float, depth: float, phase: float = 0.0) -> Audio:
    """Modulate the gain with a sine.

    Args:
        audio: Float32 ``(channels, samples)``.
        frequency: Hz.
        depth: Between 0 (no effect) and 1 (down to silence).
        phase: Lead of the second channel in radians; pi gives an auto-pan.
    """
    time = np.arange(audio.shape[-1], dtype=np.float32) * np.float32(2 * np.pi * frequency / RATE)
    offsets = np.array([[0.0], [phase]], np.float32)[: len(audio)]
    return np.asarray(audio * (1 - depth * (0.5 + 0.5 * np.sin(time + offsets))), np.float32)
