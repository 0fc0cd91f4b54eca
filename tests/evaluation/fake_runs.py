"""Runs with scores that tests can foresee."""

from __future__ import annotations

import numpy as np

from partita.evaluation.results import METRICS, Excerpt, Run, SongScores

SOURCES = ("drums", "vocals")


def fake_song(name, scores, whole=None, silence=None, seconds=60.0):
    """A song whose median over frames is ``scores``, one for each source, in every metric."""
    frames = {metric: np.stack([np.array([score - 1, score, score + 2]) for score in scores]) for metric in METRICS}
    if silence is not None:
        frames["energy_at_silence"] = np.array(silence, float)
    return SongScores(
        name, seconds, frames, {} if whole is None else {key: np.array(whole, float) for key in ("sdr", "si_sdr")}
    )


def fake_run(name, songs, sources=SOURCES, **fields):
    """A run of songs, name -> scores of its sources; whole songs have 1 dB more."""
    scored = tuple(fake_song(song, scores, [score + 1 for score in scores]) for song, scores in songs.items())
    return Run(name, sources, 1.0, 1.0, scored, **fields)


def fake_excerpt(kind="worst", song="one", sample_rate=44100, channels=2, seconds=1.5, gain=0.1, source="drums"):
    """Noise as the mixture, a tone of 4 kHz as the reference, half of either as the estimate."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    noise = np.random.default_rng(0).standard_normal((channels, len(time)))
    tone = np.tile(np.sin(2 * np.pi * 4000 * time), (channels, 1))
    mixture, reference = (np.float32(gain) * signal.astype(np.float32) for signal in (noise + tone, tone))
    estimate = (mixture + reference) / 2
    return Excerpt(song, source, kind, 65.0, -3.25, sample_rate, mixture, reference, estimate)
