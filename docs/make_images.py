"""Draw the README's picture: the spectrograms of the demo song and of the stems partita makes of it.

Run ``pip install '.[docs]'`` and ``python docs/make_images.py``.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile

import partita

ROOT = Path(__file__).parent.parent
LOUDEST = -35  # dB of the brightest points
RANGE = 75  # dB from there to the darkest


def draw(axes: plt.Axes, samples: np.ndarray, rate: int, title: str) -> None:
    """Draw the spectrogram of ``(channels, samples)``."""
    mono = samples.mean(0) + 1e-9 * np.random.default_rng(0).standard_normal(samples.shape[1])
    axes.specgram(mono, NFFT=4096, Fs=rate, noverlap=3072, vmin=LOUDEST - RANGE, vmax=LOUDEST, cmap="magma")
    axes.set_yscale("symlog", linthresh=500)
    axes.set_ylim(40, 16000)
    axes.set_yticks([100, 1000, 10000], ["100 Hz", "1 kHz", "10 kHz"])
    axes.set_title(title, fontsize=10)
    axes.label_outer()


def main() -> None:
    """Separate the demo song and write ``docs/images/separated.png``."""
    samples, rate = soundfile.read(ROOT / "demo" / "demo.flac", dtype="float32", always_2d=True)
    stems = partita.separate(samples.T, sample_rate=rate)
    figure, axes = plt.subplots(1, 5, figsize=(15, 3.2), sharey=True, layout="constrained")
    draw(axes[0], samples.T, rate, "demo.flac")
    for place, (name, stem) in zip(axes[1:], stems.items(), strict=True):
        draw(place, stem, rate, f"{name}.wav")
    figure.supxlabel("seconds", fontsize=9)
    figure.savefig(ROOT / "docs" / "images" / "separated.png", dpi=72)


if __name__ == "__main__":
    main()
