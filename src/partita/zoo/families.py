"""The published classes that partita implements: their arguments and weights in our terms.

:data:`FAMILIES` has an entry for each class. The functions ``*_arguments`` infer the arguments of models that were
published as weights alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partita.errors import ModelError
from partita.zoo.pickles import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

    from partita.models import WaveformModel

__all__ = [
    "FAMILIES",
    "Checkpoint",
    "Family",
    "conv_tasnet_arguments",
    "demucs_arguments",
    "family_of",
    "in_published_order",
    "open_unmix",
    "quantised_demucs_arguments",
]

Array = NDArray[Any]

_SOURCES = ("drums", "bass", "other", "vocals")


@dataclass(frozen=True)
class Checkpoint:
    """A published model: a class, its arguments and its weights, under the published names.

    Attributes:
        kind: A key of :data:`FAMILIES`.
        arguments: Arguments of the published class by name.
        state: Weights by their published names, or a quantised state.
        quantiser: Arguments of the quantiser that the state itself does not contain.
    """

    kind: str
    arguments: dict[str, Any]
    state: Mapping[str, Any]
    quantiser: Mapping[str, Any] = field(default_factory=dict)

    @property
    def quantised(self) -> bool:
        """Whether the state is a quantised one."""
        return "quantized" in self.state

    @property
    def half(self) -> bool:
        """Whether all weights are 16-bit floats."""
        if self.quantised:
            return False
        floats = [value.dtype for value in self.state.values() if value.dtype.kind == "f"]
        return bool(floats) and all(dtype == np.float16 for dtype in floats)


@dataclass(frozen=True)
class Family:
    """How the models of a published class become models of ours.

    Attributes:
        title: What the family is called in descriptions.
        configure: Checkpoint arguments -> architecture and fields of its configuration.
        convert: Our model and the published weights as tensors -> a state dict that the model can load.
        segment: Checkpoint arguments -> default length of a window, in seconds.
        published_name: Our model and the name of a parameter of it -> the published name.
    """

    title: str
    configure: Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]
    convert: Callable[[WaveformModel, Mapping[str, Tensor]], Mapping[str, Tensor]]
    segment: Callable[[dict[str, Any]], float]
    published_name: Callable[[WaveformModel, str], str] = lambda _, name: name


def family_of(klass: str, arguments: Mapping[str, Any]) -> str:
    """Return the key of :data:`FAMILIES` for a published class.

    Raises:
        CheckpointError: partita does not implement it.
    """
    if klass == "demucs.model.Demucs":  # 2019 stored the number of sources, 2021 their names
        return "demucs-2021" if isinstance(arguments.get("sources"), list) else "demucs-2019"
    if klass == "demucs.tasnet.ConvTasNet":
        return "conv-tasnet"
    if klass in FAMILIES:
        return klass
    raise CheckpointError(f"a model of the class {klass}, which partita does not implement")


# Demucs of 2019 and 2021: arguments and weights have the names that ours have

_DEMUCS_FIELDS = {
    "audio_channels": "audio_channels",
    "channels": "channels",
    "context": "context",
    "depth": "depth",
    "glu": "glu",
    "growth": "growth",
    "kernel_size": "kernel_size",
    "lstm_layers": "lstm_layers",
    "resample": "resample",
    "rescale": "rescale",
    "rewrite": "rewrite",
    "samplerate": "sample_rate",
    "stride": "stride",
    "upsample": "upsample",
}


def _configure_2019(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    sources = _names(arguments.get("sources", len(_SOURCES)))
    return "demucs", {"channels": 64, "sources": sources, **_fields(arguments, _DEMUCS_FIELDS, {"sources": None})}


def _configure_2021(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    fields = _fields(arguments, _DEMUCS_FIELDS, {"sources": None, "normalize": False, "segment_length": None})
    return "demucs", {"channels": 64, "resample": True, "sources": _names(arguments["sources"]), **fields}


def _fields(arguments: Mapping[str, Any], names: Mapping[str, str], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return our fields; ``others`` are arguments without a field, with the value they must have or None for any."""
    fields = {}
    for argument, value in arguments.items():
        if argument in names:
            fields[names[argument]] = value
        elif argument not in others or others[argument] not in (None, value):
            raise CheckpointError(
                f"{str(argument)[:40]} = {str(value)[:40]!r} is not supported; no published model has it"
            )
    return fields


def _names(sources: Any) -> tuple[str, ...]:
    """Return the names of sources, of which 2019 stored the number alone."""
    if isinstance(sources, int) and 0 < sources < 100:
        return _SOURCES if sources == len(_SOURCES) else tuple(f"source{number + 1}" for number in range(sources))
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        raise CheckpointError("the names of the sources are invalid")
    return tuple(sources)


def _unchanged(_: WaveformModel, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return state


def _segment_2021(arguments: dict[str, Any]) -> float:
    """Return the length of a window, four times that of the training excerpts."""
    rate = arguments.get("samplerate", 44100)
    return float(arguments.get("segment_length", 40 * rate) / rate)


def demucs_arguments(state: Mapping[str, Array]) -> dict[str, Any]:
    """Return the arguments of a Demucs of 2021 whose weights were stored alone."""
    first, layers = state["encoder.0.0.weight"], _count(state, r"encoder\.(\d+)\.0\.weight")
    channels, audio_channels, kernel_size = first.shape
    rewrite = "encoder.0.2.weight" in state
    return {
        "sources": list(_SOURCES),
        "audio_channels": audio_channels,
        "channels": channels,
        "depth": layers,
        "kernel_size": kernel_size,
        "rewrite": rewrite,
        "glu": not rewrite or len(state["encoder.0.2.weight"]) == 2 * channels,
        "context": state["decoder.0.0.weight"].shape[2] if rewrite else 3,
        "growth": len(state["encoder.1.0.weight"]) / channels if layers > 1 else 2.0,
        "lstm_layers": _count(state, r"lstm\.lstm\.weight_ih_l(\d+)"),
    }


def quantised_demucs_arguments(state: Any) -> dict[str, Any]:
    """Return the arguments of a quantised Demucs of 2021 whose weights were stored alone.

    Its first weight is small, so it is not quantised and has its shape.
    """
    others = state.get("others") if isinstance(state, dict) else None
    if not isinstance(others, list) or not others or not isinstance(others[0], np.ndarray) or others[0].ndim != 3:
        raise CheckpointError("the quantised weights are damaged or those of another model")
    return {"sources": list(_SOURCES), "channels": len(others[0])}


def _count(state: Mapping[str, Array], pattern: str) -> int:
    return len({match[1] for name in state if (match := re.fullmatch(pattern, name))})


# Conv-TasNet

_CONV_TASNET_FIELDS = {
    "N": "filters",
    "L": "filter_size",
    "B": "bottleneck",
    "H": "hidden",
    "P": "kernel_size",
    "X": "blocks",
    "R": "stacks",
    "audio_channels": "audio_channels",
    "samplerate": "sample_rate",
}


def _configure_conv_tasnet(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """2019 stored the number of sources and took mono by default; 2021 stored their names."""
    fixed = {"norm_type": "gLN", "causal": False, "mask_nonlinear": "relu"}
    fields = _fields(arguments, _CONV_TASNET_FIELDS, {**fixed, "sources": None, "C": None, "segment_length": None})
    old = "sources" not in arguments
    sources = _names(arguments.get("C", len(_SOURCES)) if old else arguments["sources"])
    return "conv-tasnet", {"blocks": 8, "audio_channels": 1 if old else 2, "sources": sources, **fields}


def _segment_conv_tasnet(arguments: dict[str, Any]) -> float:
    rate = arguments.get("samplerate", 44100)
    return float(arguments.get("segment_length", 8 * rate) / rate) if "sources" in arguments else 10.0


def _convert_conv_tasnet(model: WaveformModel, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Rename the weights; the published decoder is a linear layer whose frames are added afterwards."""
    left = dict(state)
    blocks: Any = model.configuration["blocks"]
    converted = {}
    for name, own in model.state_dict().items():
        if name == "decoder.weight":
            value = left.pop("decoder.basis_signals.weight").t().reshape(own.shape)
        else:
            value = left.pop(_published_conv_tasnet(name, blocks))
            value = value.reshape(own.shape) if name.startswith(("norm.", "blocks.")) and own.dim() == 1 else value
        converted[name] = value
    return {**converted, **left}


def _published_conv_tasnet(name: str, blocks: int) -> str:
    plain = {
        "encoder.weight": "encoder.conv1d_U.weight",
        "norm.weight": "separator.network.0.gamma",
        "norm.bias": "separator.network.0.beta",
        "bottleneck.weight": "separator.network.1.weight",
        "mask.weight": "separator.network.3.weight",
    }
    if name in plain:
        return plain[name]
    _, block, _, layer, kind = name.split(".")
    stack, index = divmod(int(block), blocks)
    place = f"{layer}" if int(layer) < 3 else f"3.net.{int(layer) - 3}"
    if layer in ("2", "5"):
        kind = "gamma" if kind == "weight" else "beta"
    return f"separator.network.2.{stack}.{index}.net.{place}.{kind}"


def conv_tasnet_arguments(state: Mapping[str, Array]) -> dict[str, Any]:
    """Return the arguments of a Conv-TasNet of 2021 whose weights were stored alone."""
    filters, audio_channels, filter_size = state["encoder.conv1d_U.weight"].shape
    first = "separator.network.2.0.0.net"
    return {
        "sources": list(_SOURCES),
        "N": filters,
        "L": filter_size,
        "B": len(state["separator.network.1.weight"]),
        "H": len(state[f"{first}.0.weight"]),
        "P": state[f"{first}.3.net.0.weight"].shape[2],
        "X": _count(state, r"separator\.network\.2\.0\.(\d+)\.net\.0\.weight"),
        "R": _count(state, r"separator\.network\.2\.(\d+)\.0\.net\.0\.weight"),
        "audio_channels": audio_channels,
    }


# Open-Unmix: one file for each source


def open_unmix(states: Mapping[str, Mapping[str, Array]]) -> Checkpoint:
    """Return an Open-Unmix, which is published as the weights of one network for each source.

    Args:
        states: Source -> published name -> weights.
    """
    order = [*(name for name in _SOURCES if name in states), *sorted(set(states) - set(_SOURCES))]
    first = states[order[0]]
    bins, heard = len(first["output_scale"]), len(first["input_mean"])
    arguments = {
        "sources": order,
        "audio_channels": len(first["fc3.weight"]) // bins,
        "n_fft": 2 * (bins - 1),
        "hidden": len(first["fc1.weight"]),
        "layers": _count(first, r"lstm\.weight_ih_l(\d+)"),
        "heard": heard,
    }
    state = {
        f"networks.{index}.{name}": value
        for index, source in enumerate(order)
        for name, value in states[source].items()
        if not name.startswith(("stft.", "transform.", "sample_rate"))  # buffers of early versions
    }
    return Checkpoint("open-unmix", arguments, state)


def _configure_open_unmix(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    fields = dict(arguments)
    n_fft, heard, rate = fields["n_fft"], fields.pop("heard"), 44100
    if n_fft != 4096:
        raise CheckpointError(
            f"an Open-Unmix with frames of {n_fft} samples; only those for music, with frames of 4096 samples at 44100 "
            "Hz, are supported (umxse, which separates speech from noise at 16000 Hz, is not)"
        )
    bandwidth = 16000.0
    fields["bandwidth"] = bandwidth if int(bandwidth * n_fft / rate) + 1 == heard else (heard - 0.5) * rate / n_fft
    fields["wiener_iterations"] = 1 if len(fields["sources"]) > 1 else 0
    return "open-unmix", {**fields, "sources": tuple(fields["sources"])}


# Demucs, Hybrid Demucs and Hybrid Transformer Demucs of demucs 3 and 4


# in the order in which the published modules have their parts; a layer of the decoder is built the other way round
_PARTS = ("encoder", "decoder", "tencoder", "tdecoder", "freq_emb", "conv", "norm1", "rewrite", "norm2", "dconv")
_DECODER_PARTS = ("conv_tr", "norm2", "rewrite", "norm1", "dconv")


def in_published_order(names: Iterable[str]) -> list[str]:
    """Sort published names of weights as the published state dict does: modules of a list by their numbers."""
    groups: dict[str, list[str]] = {}
    for name in names:
        first, _, rest = name.partition(".")
        groups.setdefault(first, []).append(rest)
    heads = list(groups)
    if all(head.isdecimal() for head in heads):
        heads.sort(key=int)
    else:
        parts = _DECODER_PARTS if "conv_tr" in groups else _PARTS
        heads.sort(key=lambda head: parts.index(head) if head in parts else len(parts))
    ordered = []
    for head in heads:
        rests = groups[head]
        ordered += [head] if rests == [""] else [f"{head}.{rest}" for rest in in_published_order(rests)]
    return ordered


def _later(title: str, klass: str, seconds: float) -> Family:
    """Return the family of a class of demucs 3 or 4, which :mod:`partita.models.published` translates."""

    def configure(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        from partita.models.published import convert_arguments

        try:
            return convert_arguments(klass, arguments)
        except ModelError as error:
            raise CheckpointError(str(error)[:200]) from error

    def convert(model: WaveformModel, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        from partita.models.published import convert_state

        try:
            return convert_state(model, state)
        except ModelError as error:
            raise CheckpointError(str(error)[:200]) from error

    def name(model: WaveformModel, own: str) -> str:
        from partita.models.published import published_name

        return published_name(model, own)

    return Family(title, configure, convert, lambda arguments: float(arguments.get("segment", seconds)), name)


FAMILIES = {
    "demucs-2019": Family("Demucs (2019)", _configure_2019, _unchanged, lambda _: 10.0),
    "demucs-2021": Family("Demucs (2021)", _configure_2021, _unchanged, _segment_2021),
    "conv-tasnet": Family("Conv-TasNet", _configure_conv_tasnet, _convert_conv_tasnet, _segment_conv_tasnet),
    "demucs.demucs.Demucs": _later("Demucs (2021, v3)", "Demucs", 40),
    "demucs.hdemucs.HDemucs": _later("Hybrid Demucs", "HDemucs", 40),
    "demucs.htdemucs.HTDemucs": _later("Hybrid Transformer Demucs", "HTDemucs", 10),
    "open-unmix": Family("Open-Unmix", _configure_open_unmix, _unchanged, lambda _: 10.0),
}
