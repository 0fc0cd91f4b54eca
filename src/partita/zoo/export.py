"""From a torch module to a model package: safetensors, and ONNX graphs that refer to the same file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w
import torch
from safetensors.torch import save
from torch import Tensor

from partita.errors import ModelError
from partita.models.base import WaveformModel
from partita.system.atomic import atomic_files, write_atomically
from partita.system.onnx_runtime import onnxruntime
from partita.zoo.card import CARD_NAME, Card, WindowLengths
from partita.zoo.graphs import write_graphs
from partita.zoo.package import WEIGHTS_NAME, Package, file_sha256, open_package
from partita.zoo.parity import check_parity

__all__ = ["export_package", "write_card"]


def export_package(
    model: WaveformModel,
    folder: Path,
    *,
    name: str,
    segment: float,
    description: str = "",
    licence: str = "unspecified",
    training: Mapping[str, Any] | None = None,
    scores: Mapping[str, Any] | None = None,
    limits: Sequence[str] = (),
    lengths: WindowLengths | None = None,
    half: bool = True,
) -> Package:
    """Write a model as a package.

    Args:
        model: The model; it is not changed.
        folder: Folder of the package, created if needed. The files of an older package are replaced once all new ones
            are complete, the card last; other files are left alone.
        name: Name of the model.
        segment: Default length of a window, in seconds.
        description: One sentence.
        licence: SPDX expression of the licence of the weights.
        training: See :class:`Card`.
        scores: See :class:`Card`.
        limits: See :class:`Card`.
        lengths: See :class:`Card`.
        half: Store the weights as float16, otherwise as they are.

    Raises:
        ModelError: The weights are not finite, or the ONNX graph does not compute what the module does.
        OutputError: The package cannot be written.
    """
    if not model.check_finite():
        raise ModelError(f"{name}: the weights are not all finite")
    with atomic_files(folder, last=CARD_NAME) as partial:
        weights = {key: _stored(value, half) for key, value in model.state_dict().items()}
        (partial / WEIGHTS_NAME).write_bytes(save(weights))
        write_graphs(model, partial)
        card = Card(
            name=name,
            description=description,
            architecture=model.architecture,
            licence=licence,
            sources=model.sources,
            audio_channels=model.audio_channels,
            sample_rate=model.sample_rate,
            segment=segment,
            parameters=model.parameter_count(),
            weights_sha256=file_sha256(partial / WEIGHTS_NAME),
            graphs={path.name: file_sha256(path) for path in sorted(partial.glob("*.onnx"))},
            configuration=model.configuration,
            geometry=model.geometry,
            stages=model.stages,
            training=dict(training or {}),
            scores=dict(scores or {}),
            limits=tuple(limits),
            lengths=lengths,
        )
        write_card(card, partial)
        _check_graph(open_package(partial))
    return open_package(folder)


def write_card(card: Card, folder: Path) -> None:
    """Write a card as TOML, scalars before tables.

    Raises:
        OutputError: The file cannot be written; an older card is unchanged.
    """
    known = {name: value for name, value in asdict(card).items() if value is not None}
    fields = sorted(known.items(), key=lambda item: isinstance(item[1], dict))
    write_atomically(folder / CARD_NAME, tomli_w.dumps(dict(fields), multiline_strings=True).encode())


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() else value.clone()


def _check_graph(package: Package) -> None:
    session = onnxruntime.InferenceSession(package.graph, providers=["CPUExecutionProvider"])

    def run(mixture: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"mixture": mixture.numpy()})[0])

    check_parity(package.load_torch(), run, f"{package.card.name}: the ONNX graph")
