"""Backends: what runs a model on a batch of windows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
import numpy.typing as npt

from partita.errors import ConfigError, ModelError
from partita.models.geometry import StagedGeometry
from partita.options import BackendName
from partita.separation.stages import Stages
from partita.system.allocator import release_freed_memory
from partita.zoo import Package

__all__ = ["Backend", "OnnxBackend", "TorchBackend", "onnx_providers", "open_backend"]

Array = npt.NDArray[np.float32]

# the weights of smaller models stay in the processor's cache; those of larger ones are read from memory again and again
_LARGE = 100_000_000  # parameters
_PIECE, _PIECE_OF_LARGE = 16, 44  # frames that are encoded or decoded at once

# --device -> the execution provider of ONNX Runtime
_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}


class Backend(Protocol):
    """Runs a model.

    Attributes:
        device: Where it runs.
        stages: The model in stages, ``None`` if it has to run on whole windows.
    """

    device: str
    stages: Stages | None

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        ...


def open_backend(name: BackendName, package: Package, device: str | None = None, *, threads: int) -> Backend:
    """Load a package into a backend.

    Args:
        name: ``onnx`` or ``torch``.
        package: The model.
        device: ``cpu``, ``cuda``, ...; the fastest available by default.
        threads: Number of threads on the CPU.

    Raises:
        ConfigError: There is no such backend, or no such device here.
        ModelError: The backend is not installed, or cannot load the model.
    """
    if name not in get_args(BackendName):
        raise ConfigError(f"backend: {name!r} is not one of {', '.join(get_args(BackendName))}")
    return OnnxBackend(package, device, threads) if name == "onnx" else TorchBackend(package, device)


def onnx_providers() -> dict[str, str]:
    """Return the devices that ONNX Runtime supports here and their execution providers, the fastest first."""
    import onnxruntime

    available = onnxruntime.get_available_providers()
    ranked = sorted(_PROVIDERS.items(), key=lambda item: item[0] == "cpu")
    return {device: provider for device, provider in ranked if provider in available}


class OnnxBackend:
    """Runs the package's ONNX graphs: on a CPU those of the stages, if there are any, otherwise that of the core."""

    def __init__(self, package: Package, device: str | None = None, threads: int = 1) -> None:
        providers = onnx_providers()
        self.device = device or next(iter(providers))
        if self.device not in providers:
            raise ConfigError(f"device: ONNX Runtime supports {', '.join(providers)} here, not {self.device!r}")
        provider = providers[self.device]
        self.stages: Stages | None = None
        if self.device == "cpu" and package.card.stages:
            self.stages = _OnnxStages(package, package.card.stages, threads)
        else:
            self._session = _open_session(package.graph, provider, threads)

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        (stems,) = self._session.run(["stems"], {"mixture": batch})
        return np.asarray(stems, np.float32)


class _OnnxStages:
    """The graphs of the stages. Each call runs in the thread that calls, except for the recurrence of a large model."""

    def __init__(self, package: Package, geometry: StagedGeometry, threads: int) -> None:
        self.geometry = geometry
        large = package.card.parameters > _LARGE
        self.piece = _PIECE_OF_LARGE if large else _PIECE
        encoder, recurrence, decoder = package.stage_graphs
        # the recurrence first, because loading it takes the most memory
        self._recurrence = _open_session(recurrence, "CPUExecutionProvider", threads if large else 1)
        self._encoder = _open_session(encoder, "CPUExecutionProvider", 1)
        self._decoder = _open_session(decoder, "CPUExecutionProvider", 1)

    def encode(self, mixture: Array) -> Sequence[Array]:
        levels: Sequence[Array] = self._encoder.run(None, {"mixture": mixture})
        return levels

    def recur(self, frames: Array) -> Array:
        (recurrent,) = self._recurrence.run(None, {"frames": frames})
        return np.asarray(recurrent)

    def decode(self, frames: Array, mixture: Array, skips: Sequence[Array]) -> Array:
        names = (value.name for value in self._decoder.get_inputs())
        known = {"frames": frames, "mixture": mixture}
        known |= {f"level_{level}": rows for level, rows in enumerate(skips)}
        (stems,) = self._decoder.run(None, {name: known[name] for name in names})
        return np.asarray(stems)


def _open_session(graph: Path, provider: str, threads: int) -> Any:
    import onnxruntime

    _share_arena()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other threads have work to do
    options.enable_mem_pattern = False  # saves no time here, and takes more memory
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=[provider])
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise ModelError(f"{graph}: ONNX Runtime cannot load it: {error}") from error
    release_freed_memory()  # loading needs twice the memory of the weights
    return session


@cache
def _share_arena() -> None:
    """Let all sessions that ask for it take their memory from one arena; each of its own would keep its peak."""
    import onnxruntime as ort

    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    with suppress(RuntimeError):  # the program has registered one already
        ort.create_and_register_allocator(place, None)


class TorchBackend:
    """Runs the package's weights in the torch module, on a CPU in stages if it has any."""

    def __init__(self, package: Package, device: str | None = None) -> None:
        self._model = package.load_torch()
        import torch

        self._torch: Any = torch
        self.device = device or _fastest_torch_device(torch)
        try:
            self._model.to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"device: torch cannot use {self.device!r} here: {error}") from error
        self.stages: Stages | None = None
        if self.device == "cpu" and package.card.stages:
            self.stages = _TorchStages(package.card.stages, self._model)

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        with self._torch.inference_mode():
            stems: Array = self._model.core(self._torch.from_numpy(batch).to(self.device)).cpu().numpy()
        return stems


class _TorchStages:
    def __init__(self, geometry: StagedGeometry, model: Any) -> None:
        import torch

        from partita.models.stages import Decoder, Encoder, Recurrence

        self.geometry = geometry
        self.piece = _PIECE_OF_LARGE  # torch divides each of its operations among the threads
        self._torch: Any = torch
        self._encoder, self._recurrence, self._decoder = Encoder(model), Recurrence(model), Decoder(model)

    def encode(self, mixture: Array) -> Sequence[Array]:
        with self._torch.inference_mode():
            return [level.numpy() for level in self._encoder(self._tensor(mixture))]

    def recur(self, frames: Array) -> Array:
        with self._torch.inference_mode():
            recurrent: Array = self._recurrence(self._tensor(frames)).numpy()
        return recurrent

    def decode(self, frames: Array, mixture: Array, skips: Sequence[Array]) -> Array:
        with self._torch.inference_mode():
            stems: Array = self._decoder(*map(self._tensor, (frames, mixture, *skips))).numpy()
        return stems

    def _tensor(self, rows: Array) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(rows))


def _fastest_torch_device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
