"""The pictures of a report: box plots as SVG, spectrograms as PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps, rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image  # a dependency of matplotlib
from scipy.signal import ShortTimeFFT, get_window

__all__ = ["DYNAMICS", "TOP_FREQUENCY", "box_plot", "colour_scale", "limits", "spectrograms", "ticks"]

Array = npt.NDArray[np.float64]

TOP_FREQUENCY = 16000  # Hz, at the top of spectrograms
DYNAMICS = 80  # dB from the brightest to the darkest point of spectrograms

_COLUMNS, _ROWS, _LEVELS = 256, 120, 48  # of a spectrogram, approximately; makes about 20 kB
_FRAME = 2048  # samples
_COLOURS = colormaps["magma"].resampled(_LEVELS)
_QUIET = 1e-10  # power at or below which a spectrogram is black
_INK = "#010203"  # placeholder for the text colour of the page
_STYLE: dict[Any, Any] = {  # matplotlib types each option by its name
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.edgecolor": _INK,
    "axes.linewidth": 0.6,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
}


def limits(values: npt.ArrayLike, *, around_zero: bool = False) -> tuple[float, float]:
    """Return the ends of an axis in dB, with a margin around all finite values."""
    found = np.ravel(np.asarray(values, np.float64))
    found = found[np.isfinite(found)]
    if around_zero or not found.size:
        found = np.append(found, 0.0)
    low, high = float(found.min()), float(found.max())
    room = max(0.05 * (high - low), 0.05)
    return low - room, high + room


def ticks(ends: tuple[float, float], count: int = 6) -> list[float]:
    """Return round numbers on an axis."""
    return [float(tick) for tick in MaxNLocator(count).tick_values(*ends) if ends[0] <= tick <= ends[1]]


def box_plot(
    scores: Sequence[Array], labels: Sequence[str], colours: Sequence[str], ends: tuple[float, float], key: str
) -> str:
    """Draw the scores of each run: a box with whiskers up to 1.5 times its height, and a dot for every song.

    Args:
        scores: The scores of each run, ``(songs,)`` in dB; only finite ones are drawn.
        labels: Label of each run.
        colours: Colour of each run.
        ends: Ends of the axis in dB.
        key: A key unique to the plot, from which matplotlib derives identifiers.

    Returns:
        An ``<svg>`` element of no fixed size that draws in the ``currentColor`` of the page.
    """
    with rc_context({**_STYLE, "svg.hashsalt": key}):
        figure = Figure(figsize=(2.9, 2.5))
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.14, 0.1, 0.85, 0.87))
        for place, (values, colour) in enumerate(zip(scores, colours, strict=True)):
            found = np.sort(values[np.isfinite(values)])
            if not found.size:
                continue
            lines = {"color": _INK, "linewidth": 0.8}
            axes.boxplot(
                [found],
                positions=[place],
                widths=0.62,
                manage_ticks=False,
                showfliers=False,
                patch_artist=True,
                boxprops={"facecolor": f"{colour}59", "edgecolor": colour, "linewidth": 1.1},
                medianprops={"color": _INK, "linewidth": 1.6},
                whiskerprops=lines,
                capprops=lines,
            )
            aside = 0.09 * (np.arange(found.size) * 2 % 5 - 2)
            axes.plot(place + aside, found, "o", color=colour, markersize=2.6, markeredgewidth=0, alpha=0.85)
        middle = (len(scores) - 1) / 2
        room = max(1.1, middle + 0.6)  # so that a single box does not fill the plot
        axes.set_xlim(middle - room, middle + room)
        axes.set_ylim(*ends)
        axes.set_xticks(range(len(scores)), list(labels))
        axes.tick_params(length=0)
        axes.grid(axis="y", color=_INK, alpha=0.15, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        text = io.StringIO()
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    return _inline(text.getvalue())


def _inline(document: str) -> str:
    """Return an SVG document as an element to put into a page."""
    element = document[document.index("<svg") :].replace(_INK, "currentColor")
    element = re.sub(r'<g id="[^"]*"', "<g", element)  # unused, and not unique among several figures
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', element)[:2]
    element = re.sub(r"<svg[^>]*>", f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">', element, count=1)
    return re.sub(r"\n\s*", "\n", element)


def spectrograms(signals: Sequence[npt.NDArray[np.float32]], sample_rate: int) -> list[bytes]:
    """Draw the spectrograms of signals on one scale, which ends :data:`DYNAMICS` below the loudest point of all.

    Args:
        signals: Each ``(channels, samples)``.
        sample_rate: Hz.

    Returns:
        A PNG file for each signal: time from left to right, frequency from 0 Hz at the bottom to
        :data:`TOP_FREQUENCY`, or to half the sample rate if that is lower.
    """
    powers = [_power(signal, sample_rate) for signal in signals]
    top = max(_QUIET, *(float(power.max()) for power in powers))
    palette = (255 * _COLOURS(np.arange(_LEVELS))[:, :3]).round().astype(np.uint8).tobytes()
    files = []
    for power in powers:
        level = 10 * np.log10(np.maximum(power / top, 10 ** (-DYNAMICS / 10))) / DYNAMICS + 1  # 0 to 1
        picture = Image.fromarray(((_LEVELS - 1) * level[::-1]).round().astype(np.uint8))
        picture.putpalette(palette)
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        files.append(file.getvalue())
    return files


def _power(signal: npt.NDArray[np.float32], sample_rate: int) -> Array:
    """Return the power of a signal, ``(frequencies, times)``, at about the resolution of the picture."""
    samples = np.pad(signal, ((0, 0), (0, max(0, _FRAME - signal.shape[1]))))
    hop = max(1, samples.shape[1] // _COLUMNS)
    transform = ShortTimeFFT(get_window("hann", _FRAME), hop, sample_rate, scale_to="magnitude")
    power = transform.spectrogram(samples.astype(np.float64), p0=0, p1=samples.shape[1] // hop).mean(0)
    shown = power[transform.f <= TOP_FREQUENCY]
    merged = max(1, len(shown) // _ROWS)
    return np.asarray(shown[: len(shown) // merged * merged].reshape(-1, merged, shown.shape[1]).mean(1))


def colour_scale(steps: int = 9) -> list[str]:
    """Return the colours of spectrograms from quiet to loud, as ``rgb(...)``."""
    colours = (255 * _COLOURS(np.linspace(0, 1, steps))[:, :3]).round().astype(int)
    return [f"rgb({red} {green} {blue})" for red, green, blue in colours]
