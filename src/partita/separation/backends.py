"""Backends: what runs a model on a batch of windows."""

from __future__ import annotations

from typing import Any, Protocol, get_args

import numpy as np
import numpy.typing as npt

from partita.errors import ConfigError, ModelError
from partita.options import BackendName
from partita.system.allocator import keep_freed_memory
from partita.system.cores import usable_cores
from partita.zoo import Package

__all__ = ["Backend", "OnnxBackend", "TorchBackend", "onnx_providers", "open_backend"]

Array = npt.NDArray[np.float32]

# --device -> the execution provider of ONNX Runtime
_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}


class Backend(Protocol):
    """Runs a model's core."""

    device: str

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        ...


def open_backend(name: BackendName, package: Package, device: str | None = None) -> Backend:
    """Load a package into a backend.

    Args:
        name: ``onnx`` or ``torch``.
        package: The model.
        device: ``cpu``, ``cuda``, ...; the fastest available by default.

    Raises:
        ConfigError: There is no such backend, or no such device here.
        ModelError: The backend is not installed, or cannot load the model.
    """
    if name not in get_args(BackendName):
        raise ConfigError(f"backend: {name!r} is not one of {', '.join(get_args(BackendName))}")
    backend: Backend = OnnxBackend(package, device) if name == "onnx" else TorchBackend(package, device)
    keep_freed_memory()  # from here on; memory that only loading needed is returned to the system
    return backend


def onnx_providers() -> dict[str, str]:
    """Return the devices that ONNX Runtime supports here and their execution providers, the fastest first."""
    import onnxruntime

    available = onnxruntime.get_available_providers()
    ranked = sorted(_PROVIDERS.items(), key=lambda item: item[0] == "cpu")
    return {device: provider for device, provider in ranked if provider in available}


class OnnxBackend:
    """Runs the package's ONNX graph."""

    def __init__(self, package: Package, device: str | None = None) -> None:
        import onnxruntime

        providers = onnx_providers()
        self.device = device or next(iter(providers))
        if self.device not in providers:
            raise ConfigError(f"device: ONNX Runtime supports {', '.join(providers)} here, not {self.device!r}")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = usable_cores()
        try:
            self._session = onnxruntime.InferenceSession(package.graph, options, providers=[providers[self.device]])
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise ModelError(f"{package.graph}: ONNX Runtime cannot load it: {error}") from error

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        (stems,) = self._session.run(["stems"], {"mixture": batch})
        return np.asarray(stems, np.float32)


class TorchBackend:
    """Runs the package's weights in the torch module."""

    def __init__(self, package: Package, device: str | None = None) -> None:
        self._model = package.load_torch()
        import torch

        self._torch: Any = torch
        self.device = device or _fastest_torch_device(torch)
        try:
            self._model.to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"device: torch cannot use {self.device!r} here: {error}") from error

    def run(self, batch: Array) -> Array:
        """Map windows ``(batch, channels, input length)`` to ``(batch, sources, channels, output length)``."""
        with self._torch.inference_mode():
            stems: Array = self._model.core(self._torch.from_numpy(batch).to(self.device)).cpu().numpy()
        return stems


def _fastest_torch_device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
