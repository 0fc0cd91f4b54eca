"""Models of unknown origin: what a graph takes and returns is checked, and its errors name it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from partita.errors import ModelError, PartitaError
from partita.separation.stages import Stages
from partita.zoo import Card, Package

__all__ = ["CheckedBackend", "check_interface", "is_finite"]

Array = npt.NDArray[np.float32]

# graph -> names of inputs and outputs with their ranks; level_* stands for any number of consecutive levels
_INTERFACES: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "model.onnx": ({"mixture": 3}, {"stems": 4}),
    "outer_encoder.onnx": ({"mixture": 2}, {"level_1": 2}),
    "inner_encoder.onnx": ({"level_1": 2}, {"level_*": 2}),
    "recurrence.onnx": ({"frames": 3}, {"recurrent": 3}),
    "inner_decoder.onnx": ({"frames": 2, "level_*": 2}, {"rows": 2}),
    "outer_decoder.onnx": ({"rows": 2, "mixture": 2}, {"stems": 3}),
}
_SHORT = 0.5  # seconds; a longer signal would take too long for a trial


class _Backend(Protocol):
    device: str
    batch_size: int
    stages: Stages | None

    def run(self, batch: Array) -> Array: ...


def check_interface(session: Any, graph: Path) -> None:
    """Check names, types and ranks of the inputs and outputs of a loaded graph.

    Args:
        session: ONNX Runtime's session.
        graph: Its file, one of a package.

    Raises:
        ModelError: They are not those of a package.
    """
    sides = zip(
        ("input", "output"), (session.get_inputs(), session.get_outputs()), _INTERFACES[graph.name], strict=True
    )
    for side, values, expected in sides:
        found = {value.name: value for value in values}
        levels = sorted(name for name in found if name.startswith("level_") and name not in expected)
        names = [name for name in expected if name != "level_*"]
        if "level_*" in expected:
            names += levels
        if set(found) != set(names) or ("level_*" in expected and not levels):
            raise ModelError(f"{graph}: its {side}s are {', '.join(found)!a} instead of {', '.join(expected)}")
        for name, value in found.items():
            rank = expected.get(name, expected.get("level_*", 0))
            if value.type != "tensor(float)" or len(value.shape) != rank:
                raise ModelError(
                    f"{graph}: its {side} {name} is a {value.type} of {len(value.shape)} dimensions instead of a "
                    f"tensor(float) of {rank}"
                )


def is_finite(samples: Array) -> bool:
    """Return whether no sample is NaN or infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(samples.sum(dtype=np.float32))  # much faster than a test of each sample
    return math.isfinite(total) or bool(np.isfinite(samples).all())


class CheckedBackend:
    """A backend whose model returns what its card promises, or ends in a :class:`ModelError` that names it.

    Args:
        backend: What runs the model. It is tried with the shortest signal that it accepts, unless that is long or the
            model ships with partita.
        package: The model.

    Raises:
        ModelError: The model cannot be run, or returns other shapes or types than the card promises.
    """

    def __init__(self, backend: _Backend, package: Package) -> None:
        self._backend = backend
        self._package = package
        self.device = backend.device
        self.batch_size = backend.batch_size
        self.stages: Stages | None = None
        card = package.card
        if backend.stages is not None:
            self.stages = _CheckedStages(backend.stages, package)
        if package.ships:
            return
        if self.stages is not None:
            self.check_finite(_try_stages(self.stages, card))
        elif card.geometry.shortest_input <= _SHORT * card.sample_rate:
            self.run(_noise(1, card.audio_channels, card.geometry.shortest_input))

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        card, geometry = self._package.card, self._package.card.geometry
        with _naming(self._package):
            stems = self._backend.run(batch)
        samples = batch.shape[-1] - geometry.shortest_input + geometry.shortest_output
        _check_shape(self._package, stems, (len(batch), len(card.sources), card.audio_channels, samples))
        _check_finite(self._package, stems)
        return stems

    def check_finite(self, stems: Array) -> None:
        """Raise a :class:`ModelError` if a sample is NaN or infinite."""
        _check_finite(self._package, stems)


class _CheckedStages:
    def __init__(self, stages: Stages, package: Package) -> None:
        self.geometry = stages.geometry
        self.encoder_piece, self.decoder_piece = stages.encoder_piece, stages.decoder_piece
        self._stages = stages
        self._package = package

    def encode(self, mixture: Array) -> Sequence[Array]:
        with _naming(self._package):
            levels = self._stages.encode(mixture)
        first, last = self.geometry.encoder_span(0, 0)
        frames = (len(mixture) - (last - first)) // self.geometry.samples
        if len(levels) != len(self.geometry.skips):
            raise ModelError(f"{self._package.folder}: the encoder returns {len(levels)} levels")
        for level, rows in zip(levels, self.geometry.skips, strict=True):
            _check_shape(self._package, level[: frames * rows.rate], (frames * rows.rate, level.shape[-1]))
        return levels

    def recur(self, frames: Array) -> Array:
        with _naming(self._package):
            recurrent = self._stages.recur(frames)
        _check_shape(self._package, recurrent, frames.shape)
        return recurrent

    def decode(self, frames: Array, mixture: Array, skips: Sequence[Array]) -> Array:
        with _naming(self._package):
            stems = self._stages.decode(frames, mixture, skips)
        card = self._package.card
        first, last = self.geometry.output_span(0, len(frames))
        _check_shape(self._package, stems, (len(card.sources), card.audio_channels, last - first))
        return stems


def _try_stages(stages: Stages, card: Card) -> Array:
    """Run all stages once over the shortest signal, so that a model that cannot be run is refused when it is opened."""
    geometry = stages.geometry
    frames = geometry.lost_frames + 1
    first, last = geometry.encoder_span(0, frames)
    mixture = _noise(last - first, card.audio_channels)
    levels = stages.encode(mixture)
    skips = [level[slice(*rows.span(0, frames))] for level, rows in zip(levels, geometry.skips, strict=True)]
    recurrent = stages.recur(np.ascontiguousarray(levels[-1][:frames, None]))
    first, last = geometry.decoder_span(0, frames)
    return stages.decode(np.ascontiguousarray(recurrent[:, 0]), mixture[: last - first], skips)


def _noise(*shape: int) -> Array:
    """Return noise at the level of a normalised mixture."""
    return np.random.default_rng(0).standard_normal(shape, np.float32)


@contextmanager
def _naming(package: Package) -> Iterator[None]:
    """Turn any error of a model into one that names it."""
    try:
        yield
    except PartitaError:
        raise
    except Exception as error:  # ONNX Runtime's errors have no common base class
        reason = " ".join(str(error).split())[:500] or type(error).__name__
        raise ModelError(f"{package.folder}: the model cannot be run: {reason}") from error


def _check_shape(package: Package, found: Array, expected: tuple[int, ...]) -> None:
    if found.shape != expected or found.dtype != np.float32:
        raise ModelError(
            f"{package.folder}: the model returns {found.dtype} {found.shape} instead of float32 {expected}; its "
            "graphs are not those of its card"
        )


def _check_finite(package: Package, stems: Array) -> None:
    if not is_finite(stems):
        raise ModelError(f"{package.folder}: the output of the model is not finite; use another model")
