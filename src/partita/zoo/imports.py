"""From published checkpoints to model packages.

A checkpoint is read by :mod:`partita.zoo.checkpoints`, so nothing in it is executed. :func:`recognise` finds out which
published class it belongs to, and :func:`build_model` builds our model of it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partita.errors import ConfigError, ModelError, OutputError
from partita.system.atomic import atomic_path
from partita.system.extras import missing_extra
from partita.zoo.card import CARD_NAME
from partita.zoo.checkpoints import read_checkpoint, read_compressed
from partita.zoo.families import (
    FAMILIES,
    Checkpoint,
    Family,
    conv_tasnet_arguments,
    demucs_arguments,
    family_of,
    in_published_order,
    open_unmix,
    quantised_demucs_arguments,
)
from partita.zoo.home import checked_name, models_folder
from partita.zoo.package import Package, file_sha256, open_package
from partita.zoo.pickles import CheckpointError, ClassName, Record
from partita.zoo.quantised import restore_quantised
from partita.zoo.registry import embedded_names

if TYPE_CHECKING:
    from torch import Tensor

    from partita.models import WaveformModel

__all__ = ["build_model", "check_importable", "import_checkpoint", "install", "recognise"]

_UNKNOWN = "not a checkpoint of Demucs, Hybrid Demucs, Hybrid Transformer Demucs, Conv-TasNet or Open-Unmix"
_ENDING = re.compile(r"(?:-([0-9a-f]{8}))?\.(?:th|pth|pt|safetensors)(?:\.gz)?$")
# fields that count modules: a hostile file could ask for more of them than memory holds
_COUNTS = ("blocks", "branch_depth", "depth", "layers", "lstm_layers", "stacks", "transformer_layers")


def import_checkpoint(
    files: Path | Sequence[Path],
    name: str | None = None,
    *,
    description: str | None = None,
    licence: str = "unspecified",
    segment: float | None = None,
    origin: str | None = None,
) -> Package:
    """Turn a published checkpoint into an installed model package. Nothing in the checkpoint is executed.

    Args:
        files: The checkpoint; for Open-Unmix, one file for each source or the folder that contains them.
        name: Name of the package; by default that of the file.
        description: One sentence; by default the family and the name of the file.
        licence: SPDX expression or a description of the licence of the weights.
        segment: Default length of a window in seconds; by default that of the published tool.
        origin: Where the file is from, such as its URL.

    Returns:
        The package. If a package of this name and with these weights is installed already, it is returned as it is.

    Raises:
        ModelError: A file cannot be read, is damaged or hostile, or is no model that partita implements; another model
            of this name is installed; torch is not installed.
        ConfigError: The name is invalid.
        OutputError: The package cannot be written; nothing of it remains.
    """
    paths = _paths(files)
    label = paths[0].parent if len(paths) > 1 else paths[0]
    name = checked_name(name or _ENDING.sub("", label.name))
    if name in embedded_names():
        raise ConfigError(f"name: {name!r} is a model that ships with partita; choose another name with --name")
    checkpoint = recognise(paths)
    model = build_model(checkpoint, str(label))
    family = FAMILIES[checkpoint.kind]
    check_importable()
    from partita.zoo.export import export_package

    facts = [_facts(path) for path in paths]

    def write(partial: Path) -> Package:
        return export_package(
            model,
            partial,
            name=name,
            segment=segment or family.segment(checkpoint.arguments),
            description=description or f"{family.title}, imported from {label.name}",
            licence=licence,
            training={"imported": {"origin": origin or "a local file", "files": facts}},
            half=checkpoint.half,
        )

    return install(models_folder() / name, write)


def check_importable() -> None:
    """Check that the packages that an import needs are installed.

    Raises:
        ModelError: One is missing.
    """
    try:
        import partita.zoo.export  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModelError(missing_extra("export", error.name or "onnx")) from error


def install(folder: Path, write: Callable[[Path], Package]) -> Package:
    """Write a package under a temporary name and rename it when it is complete.

    Another process may install the same package meanwhile; the first one wins.

    Args:
        folder: Its final folder.
        write: Writes the package into the folder that it is passed.

    Raises:
        ModelError: Another model is installed under this name.
        OutputError: The package cannot be written; nothing of it remains.
    """
    digest = ""
    try:
        with atomic_path(folder) as partial:
            digest = write(partial).card.weights_sha256
    except OutputError:
        if not digest or not (folder / CARD_NAME).is_file():
            raise
        existing = open_package(folder)
        if existing.card.weights_sha256 != digest:
            raise ModelError(
                f"{folder.name}: another model of this name is installed; choose another name with --name, or remove "
                f"it first with partita models remove {folder.name}"
            ) from None
        return existing
    return open_package(folder)


def recognise(files: Path | Sequence[Path]) -> Checkpoint:
    """Read a checkpoint and find out which published class it belongs to.

    Args:
        files: As of :func:`import_checkpoint`.

    Raises:
        ModelError: A file cannot be read, is damaged or hostile, or is no model that partita implements.
    """
    paths = _paths(files)
    for path in paths:
        _check_name(path)
    contents = {path: read_checkpoint(path) for path in paths}
    label = paths[0].parent if len(paths) > 1 else paths[0]
    try:
        if all(_is_state(content) and {"output_scale", "fc1.weight"} <= set(content) for content in contents.values()):
            return open_unmix({_target(path): content for path, content in contents.items()})
        if len(paths) == 1:
            return _recognise(contents[label])
    except CheckpointError as error:
        raise ModelError(f"{label}: {error}") from error
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise ModelError(f"{label}: the arguments or the weights of the model are invalid") from error
    raise ModelError(f"{label}: these are not the files of an Open-Unmix, one for each source")


def build_model(checkpoint: Checkpoint, label: str) -> WaveformModel:
    """Build our model of a published one, with its weights, in evaluation mode.

    Args:
        checkpoint: From :func:`recognise`.
        label: What messages call it, such as the path of the file.

    Raises:
        ModelError: The weights do not fit the arguments, or torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ModelError(missing_extra("torch", "torch")) from error
    from partita.models import build

    family = FAMILIES[checkpoint.kind]
    try:
        architecture, fields = family.configure(checkpoint.arguments)
        _check_counts(fields, checkpoint.state)
        with torch.device("meta"):  # nothing is allocated before the sizes are compared
            plan = build(architecture, **fields)
        state = checkpoint.state
        if checkpoint.quantised:
            state = restore_quantised(state, _published_shapes(plan, family), checkpoint.quantiser)
        converted = dict(family.convert(plan, _tensors(state)))
        _check_fit(plan, converted)
        model = build(architecture, **fields)
        model.load_state_dict(converted)
    except (CheckpointError, ConfigError) as error:
        raise ModelError(f"{label}: {error}") from error
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RuntimeError) as error:
        raise ModelError(f"{label}: the arguments or the weights of the {family.title} are invalid") from error
    return model.eval()


def _tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return arrays as tensors, without copying them where possible: they may be views of a large file."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nobody writes to it
        return {name: torch.from_numpy(value if value.flags.aligned else value.copy()) for name, value in state.items()}


def _check_counts(fields: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    tensors = 8 + sum(len(value) if isinstance(value, list) else 1 for value in state.values())
    for count in _COUNTS:
        if not 0 <= fields.get(count, 0) <= tensors:
            raise CheckpointError(f"{count} = {fields[count]} needs more weights than the file has")


def _check_fit(model: WaveformModel, state: Mapping[str, Tensor]) -> None:
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name in sorted(set(expected) | set(state)):
        if name not in state:
            raise CheckpointError(f"the weights lack {name}")
        if name not in expected:
            raise CheckpointError(f"the weights have {name[:80]!r}, which {model.architecture} has not")
        if tuple(state[name].shape) != expected[name]:
            raise CheckpointError(f"{name} has the shape {tuple(state[name].shape)} instead of {expected[name]}")


def _published_shapes(model: WaveformModel, family: Family) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all parameters by their published names, in the published order."""
    shapes = {family.published_name(model, name): tuple(value.shape) for name, value in model.named_parameters()}
    return {name: shapes[name] for name in in_published_order(shapes)}


def _paths(files: Path | Sequence[Path]) -> list[Path]:
    if not isinstance(files, Path):
        return list(files)
    if not files.is_dir():
        return [files]
    paths = sorted(files.glob("*.pth"))
    if not paths:
        raise ModelError(f"{files}: a folder without *.pth files; pass the checkpoint itself")
    return paths


def _facts(path: Path) -> dict[str, str]:
    return {"name": path.name, "sha256": file_sha256(path)}


def _check_name(path: Path) -> None:
    """Compare a file with the digits of its sha256 that its published name contains."""
    match = _ENDING.search(path.name)
    if match and match[1] and path.is_file() and not file_sha256(path).startswith(match[1]):
        raise ModelError(f"{path}: its sha256 does not begin with {match[1]}, so it is incomplete; download it again")


def _is_state(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(isinstance(v, np.ndarray) for v in content.values())


def _recognise(content: Any) -> Checkpoint:
    """Find out what a checkpoint of a single file is."""
    if isinstance(content, tuple) and len(content) == 4:  # 2019
        klass, args, kwargs, state = content
        return _of_class(klass, args, kwargs, state)
    if isinstance(content, dict) and {"klass", "args", "kwargs", "state"} <= set(content):  # 2021 and later
        return _of_class(
            content["klass"], content["args"], content["kwargs"], content["state"], content.get("training_args")
        )
    if isinstance(content, dict) and set(content) == {"compressed"}:  # demucs_quantized of 2021
        state = read_compressed(_checked(content["compressed"], bytes))
        return Checkpoint("demucs-2021", quantised_demucs_arguments(state), state, _QUANTISER)
    if _is_state(content) and "encoder.0.0.weight" in content:
        return Checkpoint("demucs-2021", demucs_arguments(content), content)
    if _is_state(content) and "encoder.conv1d_U.weight" in content:
        return Checkpoint("conv-tasnet", conv_tasnet_arguments(content), content)
    raise CheckpointError(_UNKNOWN)


_QUANTISER = {"group_size": 8, "min_size": 1}  # of 2021


def _of_class(klass: Any, args: Any, kwargs: Any, state: Any, training: Any = None) -> Checkpoint:
    klass, args = _checked(klass, ClassName), tuple(args)
    arguments = dict(_checked(kwargs, dict))
    if args:
        arguments["sources"] = args[0]
    if len(args) > 1:
        raise CheckpointError("the arguments of the model have no names")
    state = _checked(state, dict)
    quantiser: dict[str, Any] = {}
    if set(state) == {"compressed"}:
        state = _checked(read_compressed(_checked(state["compressed"], bytes)), dict)
        quantiser = _quantiser(training)
    state.pop("__quantized", None)
    if "quantized" not in state and not _is_state(state):
        raise CheckpointError("the weights are not all tensors")
    return Checkpoint(family_of(klass.name, arguments), arguments, state, quantiser)


def _quantiser(training: Any) -> dict[str, Any]:
    """Return the arguments of the quantiser from the training arguments that were stored beside the weights."""
    stored = training.state if isinstance(training, Record) else training
    stored = stored if isinstance(stored, dict) else {}
    chosen = {**_QUANTISER, "min_size": stored.get("q_min_size", _QUANTISER["min_size"])}
    if not stored.get("diffq") and stored.get("qat"):
        chosen |= {"uniform": True, "bits": stored["qat"]}
    return chosen


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise CheckpointError(_UNKNOWN)
    return value


def _target(path: Path) -> str:
    """Return the source of a file of Open-Unmix, such as ``vocals-b62c91ce.pth``."""
    return _ENDING.sub("", path.name)
