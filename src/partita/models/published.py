"""Published checkpoints of the Demucs of 2021 and 2022, in our terms.

A published model is the name of a class, the arguments that it was built with, and a state dict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from partita.errors import ModelError
from partita.models.base import WaveformModel

__all__ = ["convert_arguments", "convert_state", "published_name"]

# class -> architecture
_CLASSES = {
    "Demucs": "residual-demucs",
    "HDemucs": "hybrid-demucs",
    "HTDemucs": "hybrid-transformer-demucs",
    "WDemucs": "hybrid-demucs",
}

# argument -> our field, where the value is the same
_FIELDS = {
    "sources": "sources",
    "audio_channels": "audio_channels",
    "samplerate": "sample_rate",
    "channels": "channels",
    "growth": "growth",
    "depth": "depth",
    "kernel_size": "kernel_size",
    "stride": "stride",
    "norm_starts": "norm_starts",
    "norm_groups": "norm_groups",
    "dconv_depth": "branch_depth",
    "dconv_comp": "branch_compression",
    "dconv_init": "branch_scale",
    "dconv_attn": "attention_starts",
    "dconv_lstm": "lstm_starts",
    "rescale": "rescale",
    "normalize": "normalise",
    "resample": "resample",
    "nfft": "n_fft",
    "time_stride": "time_stride",
    "cac": "complex_spectrogram",
    "freq_emb": "frequency_embedding",
    "emb_scale": "embedding_scale",
    "multi_freqs_depth": "banded_layers",
    "hybrid_old": "legacy_padding",
    "t_layers": "transformer_layers",
    "bottom_channels": "transformer_channels",
    "t_heads": "transformer_heads",
    "t_hidden_scale": "transformer_expansion",
    "t_dropout": "dropout",
    "t_max_period": "max_period",
}

# arguments of which we implement a single value
_FIXED: dict[str, tuple[Any, ...]] = {
    "rewrite": (True,),
    "gelu": (True,),
    "glu": (True,),
    "lstm_layers": (0,),
    "hybrid": (True,),
    "channels_time": (None,),
    "context_enc": (0,),
    "wiener_residual": (False,),
    "t_emb": ("sin",),
    "t_norm_in": (True,),
    "t_norm_in_group": (False,),
    "t_group_norm": (False,),
    "t_norm_first": (True,),
    "t_norm_out": (True,),
    "t_layer_scale": (True,),
    "t_gelu": (True,),
    "t_weight_pos_embed": (1.0,),
    "t_sin_random_shift": (0,),
    "t_sparse_self_attn": (False,),
    "t_sparse_cross_attn": (False,),
    "t_cross_first": (False,),
    "use_train_segment": (True,),
}

# arguments without effect on the output, given the values above
_IGNORED = re.compile(
    r"emb_smooth|t_lr|t_weight_decay|t_max_positions|t_cape_.*|t_mask_.*|t_sparse_attn_window|t_global_window"
    r"|t_sparsity|t_auto_sparsity|end_iters"
)

_BRANCHES = ("none", "encoder", "decoder", "both")  # by the value of dconv_mode

# the published defaults that differ from ours
_DEFAULTS = {
    "Demucs": {},
    "HDemucs": {},
    "WDemucs": {},
    "HTDemucs": {"dconv_mode": 1, "bottom_channels": 0, "t_dropout": 0.0, "segment": 10},
}


def convert_arguments(name: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Translate the arguments of a published class into a configuration of ours.

    Args:
        name: Name of the class: ``Demucs`` (of demucs 3 and later), ``HDemucs`` or ``HTDemucs``.
        arguments: All arguments by name, ``sources`` included; those left out have the published defaults.

    Returns:
        The architecture and the fields of its configuration.

    Raises:
        ModelError: The class is unknown, or an argument has a value that no published model has.
    """
    if name not in _CLASSES:
        raise ModelError(f"{name}: not one of the published classes {', '.join(sorted(_CLASSES))}")
    fields: dict[str, Any] = {}
    for argument, value in {**_DEFAULTS[name], **arguments}.items():
        if argument in _FIELDS:
            fields[_FIELDS[argument]] = value
        elif argument == "context":
            fields["context"] = 2 * value + 1
        elif argument == "dconv_mode" and value in range(len(_BRANCHES)):
            fields["branches"] = _BRANCHES[value]
        elif argument == "multi_freqs":
            fields["bands"] = tuple(value or ())
        elif argument == "segment":
            if name == "HTDemucs":
                rate = arguments.get("samplerate", 44100)
                fields["segment"] = int(value * rate) / rate
        elif argument == "wiener_iters" and value <= 0:
            pass  # the phase of the mixture, without iterations
        elif value not in _FIXED.get(argument, ()) and not _IGNORED.fullmatch(argument):
            raise ModelError(f"{name}: {argument} = {value!r} is not supported, no published model has it")
    return _CLASSES[name], fields


def convert_state(model: WaveformModel, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename and reshape published weights for a model of ours; ours has two-dimensional convolutions throughout.

    Args:
        model: Built from what :func:`convert_arguments` returned.
        state: The published state dict.

    Returns:
        A state dict that the model can load.

    Raises:
        ModelError: The weights are not those of such a model.
    """
    left = dict(state)
    converted = {}
    for name, own in model.state_dict().items():
        published = published_name(model, name)
        if published not in left:
            raise ModelError(f"{published}: missing from the published weights")
        value = left.pop(published)
        if value.numel() != own.numel():
            raise ModelError(f"{published}: has the shape {tuple(value.shape)}, which does not fit {tuple(own.shape)}")
        converted[name] = value.reshape(own.shape)
    if left:
        raise ModelError(f"{min(left)}: not a weight of {model.architecture}")
    return converted


def published_name(model: WaveformModel, name: str) -> str:
    """Return the published name of a weight of our model."""
    if branch := re.fullmatch(r"(.*\.dconv)\.(\d+)\.(\w+)(.*)", name):
        prefix, index, part, rest = branch.groups()
        module = model.get_submodule(f"{prefix}.{index}")
        parts = ["conv", "norm", "GELU"]
        parts += [inside for inside in ("lstm", "attention") if getattr(module, inside) is not None]
        parts += ["expand", "expand_norm", "GLU", "scale"]
        ending = f".layers.{index}.{parts.index(part)}{'.scale' if part == 'scale' else rest}"
        return _published_layer(model, prefix) + ending
    for ours, theirs in (
        (r"freq_emb\.weight", "freq_emb.embedding.weight"),
        (r"(.*\.gamma_\d)", r"\1.scale"),
        (r"(crosstransformer\.layers(?:_t)?\.\d*[02468])\.attention\.(.*)", r"\1.self_attn.\2"),
        (r"(crosstransformer\.layers(?:_t)?\.\d*[13579])\.attention\.(.*)", r"\1.cross_attn.\2"),
    ):
        if re.fullmatch(ours, name):
            return re.sub(ours, theirs, name)
    return _published_layer(model, name)


def _published_layer(model: WaveformModel, name: str) -> str:
    """Number the parts of a layer where they are published as a sequence."""
    layer = re.fullmatch(r"((?:en|de)coder)\.(\d+)\.(\w+)(.*)", name)
    if model.architecture != "residual-demucs" or layer is None:
        return name
    side, index, part, rest = layer.groups()
    parts = ["conv", "norm1", "GELU", "dconv", "rewrite", "norm2", "GLU"]
    if side == "decoder":
        parts = ["rewrite", "norm1", "GLU", "dconv", "conv_tr", "norm2", "GELU"]
    if not any(True for _ in model.get_submodule(f"{side}.{index}.dconv").parameters()):
        parts.remove("dconv")
    return f"{side}.{index}.{parts.index(part)}{rest}"
