"""Draw the picture in the README: spectrograms of the demo song and of its four separated stems.

From a checkout, with nothing but the package and matplotlib:

    pip install -e '.[docs]'
    python docs/make_images.py

This separates ``demo/demo.flac`` with the default model and writes ``docs/images/separated.png``.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile

import partita

ROOT = Path(__file__).parent.parent
BRIGHTEST = -35  # dB; levels from here up have the brightest colour
RANGE = 75  # dB between the darkest and the brightest colour


def draw(axes: plt.Axes, samples: np.ndarray, rate: int, title: str) -> None:
    """Draw the spectrogram of ``samples``, float ``(channels, samples)``, at ``rate`` Hz."""
    noise = 1e-9 * np.random.default_rng(0).standard_normal(samples.shape[1])  # avoids log(0) where a stem is silent
    axes.specgram(
        samples.mean(0) + noise,
        NFFT=4096,
        noverlap=3072,
        Fs=rate,
        vmin=BRIGHTEST - RANGE,
        vmax=BRIGHTEST,
        cmap="magma",
    )
    axes.set_yscale("symlog", linthresh=500)
    axes.set_ylim(40, 16000)
    axes.set_yticks([100, 1000, 10000], ["100 Hz", "1 kHz", "10 kHz"])
    axes.set_title(title, fontsize=10)
    axes.label_outer()


def main() -> None:
    """Separate the demo song and draw it beside its stems."""
    samples, rate = soundfile.read(ROOT / "demo" / "demo.flac", dtype="float32", always_2d=True)
    mixture = samples.T
    stems = partita.separate(mixture, sample_rate=rate)
    figure, axes = plt.subplots(1, 5, figsize=(15, 3.2), sharey=True, layout="constrained")
    draw(axes[0], mixture, rate, "demo.flac")
    for panel, (name, stem) in zip(axes[1:], stems.items(), strict=True):
        draw(panel, stem, rate, f"{name}.wav")
    figure.supxlabel("seconds", fontsize=9)
    figure.savefig(ROOT / "docs" / "images" / "separated.png", dpi=72)


if __name__ == "__main__":
    main()
