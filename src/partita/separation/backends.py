"""Backends: what runs a model on a batch of windows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
import numpy.typing as npt

from partita.errors import ConfigError, ModelError
from partita.models.geometry import StagedGeometry
from partita.options import BackendName
from partita.separation.checked import CheckedBackend, check_interface
from partita.separation.runs import EndableSession
from partita.separation.stages import Stages
from partita.system.allocator import release_freed_memory
from partita.system.extras import missing_extra
from partita.zoo import Package
from partita.zoo.graph_check import check_graph
from partita.zoo.package import WEIGHTS_NAME

__all__ = ["Backend", "OnnxBackend", "TorchBackend", "choose_device", "onnx_providers", "open_backend"]

Array = npt.NDArray[np.float32]

_LARGE = 100_000_000  # parameters; the weights are read from memory again at each step of the recurrence
_SMALL = 20_000_000  # parameters; whole windows of a larger model are not computed as one batch
_SHORT = 10.0  # seconds; two windows of a large model take less than a gigabyte if they are no longer
_ENCODER_PIECE = 64  # frames that the inner stages process at once: more take less time, for the weights are read once
_DECODER_PIECE = 16  # a decoded frame takes more memory
_BLOCK = 16384  # samples that the outer stages process at once, so that what they compute stays in a core's cache

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
        batch_size: Windows that are best computed at once.
    """

    device: str
    batch_size: int
    stages: Stages | None

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        ...


def open_backend(name: BackendName, package: Package, device: str | None = None, *, threads: int) -> CheckedBackend:
    """Load a package into a backend.

    Args:
        name: ``onnx`` or ``torch``.
        package: The model.
        device: ``cpu``, ``cuda``, ...; the fastest available by default.
        threads: Number of threads on the CPU.

    Raises:
        ConfigError: There is no such backend, or no such device here.
        ModelError: The backend is not installed, cannot load or run the model, or the graphs are not those of its card.
    """
    device = choose_device(name, device)  # checks the name too
    backend: Backend = OnnxBackend(package, device, threads) if name == "onnx" else TorchBackend(package, device)
    return CheckedBackend(backend, package)


def choose_device(name: BackendName, device: str | None = None) -> str:
    """Return the device that a backend runs on.

    Args:
        name: As of :func:`open_backend`.
        device: As of :func:`open_backend`.

    Raises:
        ConfigError: There is no such backend, or no such device here.
        ModelError: The backend is not installed.
    """
    if name not in get_args(BackendName):
        raise ConfigError(f"backend: {name!r} is not one of {', '.join(get_args(BackendName))}")
    if name == "onnx":
        providers = onnx_providers()
        device = device or next(iter(providers))
        if device not in providers:
            raise ConfigError(f"device: ONNX Runtime supports {', '.join(providers)} here, not {device!r}")
        return device
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ModelError(missing_extra("torch", "torch")) from error
    device = device or _fastest_torch_device(torch)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device: torch cannot use {device!r} here: {error}") from error
    return device


def onnx_providers() -> dict[str, str]:
    """Return the devices that ONNX Runtime supports here and their execution providers, the fastest first."""
    from partita.system.onnx_runtime import onnxruntime

    available = onnxruntime.get_available_providers()
    ranked = sorted(_PROVIDERS.items(), key=lambda item: item[0] == "cpu")
    return {device: provider for device, provider in ranked if provider in available}


class OnnxBackend:
    """Runs the package's ONNX graphs: on a CPU those of the stages, if there are any, otherwise that of the core."""

    def __init__(self, package: Package, device: str | None = None, threads: int = 1) -> None:
        self.device = choose_device("onnx", device)
        provider = _PROVIDERS[self.device]
        self.batch_size = _batch_size(package)
        self.stages: Stages | None = None
        if self.device == "cpu" and package.card.stages:
            self.stages = _OnnxStages(package, package.card.stages, threads)
            return
        self._side_by_side = self.device == "cpu" and _runs_side_by_side(package)
        if self._side_by_side:
            self.batch_size = 2
            # the first session of a process changes how the thread that opens it rounds; a thread of its own hides that
            with ThreadPoolExecutor(1) as pool:
                self._session = pool.submit(_open_session, package.graph, provider, threads, apart=True).result()
        else:
            self._session = _open_session(package.graph, provider, threads)

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        if self._side_by_side:
            return np.concatenate(self._session.run_each("stems", [{"mixture": window} for window in batch[:, None]]))
        (stems,) = self._session.run(["stems"], {"mixture": batch})
        return np.asarray(stems, np.float32)


class _OnnxStages:
    """The graphs of the stages. Each call runs in the thread that calls, except for the recurrence of a large model."""

    encoder_piece, decoder_piece = _ENCODER_PIECE, _DECODER_PIECE

    def __init__(self, package: Package, geometry: StagedGeometry, threads: int) -> None:
        self.geometry = geometry
        self._shape = (len(package.card.sources), package.card.audio_channels)
        large = package.card.parameters > _LARGE
        # the weights of a large model are read from memory at each step, which two threads do faster than one
        session_threads = [threads if large and path.stem == "recurrence" else 1 for path in package.stage_graphs]
        # loading takes up to twice the memory of a graph's weights, so large ones are loaded one after the other
        with ThreadPoolExecutor(1 if large else threads) as pool:
            sessions = pool.map(_open_session, package.stage_graphs, repeat(_PROVIDERS["cpu"]), session_threads)
            self._outer_encoder, self._inner_encoder, self._recurrence, self._inner_decoder, self._outer_decoder = (
                sessions
            )

    def encode(self, mixture: Array) -> Sequence[Array]:
        outer = self.geometry.outer_encoder
        total = (len(mixture) + outer.before + outer.after) // outer.rate
        step = max(1, _BLOCK // outer.rate)
        rows = []
        for first in range(0, total, step):
            start, stop = outer.span(first, min(first + step, total))
            rows += self._outer_encoder.run(None, {"mixture": mixture[start - outer.before : stop - outer.before]})
        second = np.concatenate(rows)
        return [second, *self._inner_encoder.run(None, {"level_1": second})]

    def recur(self, frames: Array) -> Array:
        (recurrent,) = self._recurrence.run(None, {"frames": frames})
        return np.asarray(recurrent)

    def decode(self, frames: Array, mixture: Array, skips: Sequence[Array]) -> Array:
        levels = {f"level_{level}": rows for level, rows in enumerate(skips, 1)}
        (rows,) = self._inner_decoder.run(None, {"frames": frames, **levels})
        geometry, lost = self.geometry, self.geometry.lost_rows
        step = max(1, _BLOCK // geometry.output.rate)
        begin, end = geometry.output.span(0, len(rows))
        stems = np.empty((*self._shape, end - begin), np.float32)
        for first in range(0, len(rows) - lost, step):
            last = min(first + step + lost, len(rows))
            start, stop = (
                sample - geometry.outer_decoder.before for sample in geometry.outer_decoder.span(first, last)
            )
            inputs = {"rows": rows[first:last], "mixture": mixture[start:stop]}
            (block,) = self._outer_decoder.run(None, inputs)
            position = first * geometry.output.rate
            stems[..., position : position + block.shape[-1]] = block
        return stems


def _batch_size(package: Package) -> int:
    """Weights that are read once for more windows take less time, but what the windows need takes memory."""
    if package.card.stages is None:
        return 4 if package.card.parameters < _SMALL else 1
    return 8 if package.card.parameters > _LARGE else 4


def _runs_side_by_side(package: Package) -> bool:
    """Return whether whole windows run two at a time, each by itself: one computes while the other waits for memory."""
    card = package.card
    return card.stages is None and card.parameters >= _SMALL and card.segment <= _SHORT


def _open_session(graph: Path, provider: str, threads: int, *, apart: bool = False) -> EndableSession:
    """Load a graph; ``apart`` for :meth:`EndableSession.run_each`, which leaves no work to the calling thread.

    Such a session treats numbers near zero as zero: attention to far-off tokens is almost zero, and processors multiply
    such (denormal) numbers very slowly.
    """
    from partita.system.onnx_runtime import onnxruntime

    check_graph(graph, graph.with_name(WEIGHTS_NAME))
    _share_arena()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads + 1 if apart else threads  # the calling thread counts
    options.add_session_config_entry("session.set_denormal_as_zero", "1" if apart else "0")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other threads have work to do
    options.enable_mem_pattern = False  # saves no time here, and takes more memory
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=[provider])
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise ModelError(f"{graph}: ONNX Runtime cannot load it: {error}") from error
    check_interface(session, graph)
    release_freed_memory()  # loading needs twice the memory of the weights
    return EndableSession(session)


@cache
def _share_arena() -> None:
    """Let all sessions that ask for it take their memory from one arena; each of its own would keep its peak."""
    from partita.system.onnx_runtime import onnxruntime as ort

    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    with suppress(RuntimeError):  # the program has registered one already
        ort.create_and_register_allocator(place, None)


class TorchBackend:
    """Runs the package's weights in the torch module, on a CPU in stages if it has any."""

    def __init__(self, package: Package, device: str | None = None) -> None:
        self.device = choose_device("torch", device)
        import torch

        self._torch: Any = torch
        self._model = package.load_torch().to(self.device)
        self.batch_size = _batch_size(package)
        self.stages: Stages | None = None
        if self.device == "cpu" and package.card.stages:
            self.stages = _TorchStages(package.card.stages, self._model)

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        with self._torch.inference_mode():
            stems: Array = self._model.core(self._torch.from_numpy(batch).to(self.device)).cpu().numpy()
        return stems


class _TorchStages:
    encoder_piece, decoder_piece = _ENCODER_PIECE, _DECODER_PIECE

    def __init__(self, geometry: StagedGeometry, model: Any) -> None:
        import torch

        from partita.models import stages

        self.geometry = geometry
        self._torch: Any = torch
        self._outer_encoder, self._inner_encoder = stages.OuterEncoder(model), stages.InnerEncoder(model)
        self._recurrence = stages.Recurrence(model)
        self._inner_decoder, self._outer_decoder = stages.InnerDecoder(model), stages.OuterDecoder(model)

    def encode(self, mixture: Array) -> Sequence[Array]:
        with self._torch.inference_mode():
            second = self._outer_encoder(self._tensor(mixture))
            return [level.numpy() for level in (second, *self._inner_encoder(second))]

    def recur(self, frames: Array) -> Array:
        with self._torch.inference_mode():
            recurrent: Array = self._recurrence(self._tensor(frames)).numpy()
        return recurrent

    def decode(self, frames: Array, mixture: Array, skips: Sequence[Array]) -> Array:
        with self._torch.inference_mode():
            rows = self._inner_decoder(*map(self._tensor, (frames, *skips)))
            stems: Array = self._outer_decoder(rows, self._tensor(mixture)).numpy()
        return stems

    def _tensor(self, rows: Array) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(rows))


def _fastest_torch_device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
