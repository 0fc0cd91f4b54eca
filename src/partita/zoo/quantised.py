"""Weights that DiffQ quantised, back to floats.

DiffQ (Differentiable Model Compression via Pseudo Quantization Noise; Defossez, Adi, Synnaeve, 2021) stores a parameter
as integer levels between its least and its greatest value. Groups of consecutive weights have a number of bits each, or
all weights have the same. Levels may be packed, bit by bit. The state has no names: parameters come in the order of the
module's state dict, the large ones apart from the small ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partita.zoo.pickles import CheckpointError, ClassName

__all__ = ["restore_quantised"]

Array = NDArray[Any]

_WORD = 64  # bits that are packed into an integer
_MOST_BITS = 15


def restore_quantised(
    state: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], defaults: Mapping[str, Any] | None = None
) -> dict[str, Array]:
    """Restore the weights of a quantised state.

    Args:
        state: ``quantized``, ``float16``, ``others``, and since DiffQ 0.2 ``meta``.
        shapes: Shape of every parameter, in the order of the published module's state dict.
        defaults: Arguments of the quantiser where ``meta`` does not state them.

    Returns:
        Name -> weights, float32.

    Raises:
        CheckpointError: The state is damaged, or is that of another model.
    """
    try:
        return _restore(state, shapes, defaults or {})
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise CheckpointError("the quantised weights are damaged or those of another model") from error


def _restore(
    state: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], defaults: Mapping[str, Any]
) -> dict[str, Array]:
    meta = state.get("meta", {})
    options = {"group_size": 1, "min_size": 0.01, "min_bits": 2, "bits": 8, "float16": False, **defaults}
    options.update(meta.get("init_kwargs", {}))
    uniform = meta.get("klass", ClassName("")).name.endswith("UniformQuantizer") or bool(options.get("uniform"))
    if options.get("exclude") or meta.get("torch_pack"):
        raise CheckpointError("the weights are quantised in a way that no published model is")
    smallest = options["min_size"] * 2**20 // 4  # MB of float32; smaller parameters stay floats
    quantised = list(state["quantized"])
    plain = list(state["float16"] if options["float16"] else state["others"])
    restored = {}
    for name, shape in shapes.items():
        size = math.prod(shape)
        if size <= smallest:
            values = np.asarray(plain.pop(0), np.float32)
        elif uniform:
            values = _uniform(quantised.pop(0), size, options["bits"], packed=meta.get("packed", False))
        else:
            values = _grouped(quantised.pop(0), size, options, packed=meta.get("packed", False))
        if values.size != size:
            raise CheckpointError(f"{name}: has {values.size} values instead of {size}")
        restored[name] = values.reshape(shape)
    if quantised or plain:
        raise CheckpointError("the quantised weights are those of another model")
    return restored


def _uniform(stored: Sequence[Any], size: int, bits: float, *, packed: bool) -> Array:
    levels, scales = stored
    levels = _unpacked(levels, size) if packed else levels.reshape(-1)
    return _floats(levels, scales, np.float32(bits))


def _grouped(stored: Sequence[Any], size: int, options: Mapping[str, Any], *, packed: bool) -> Array:
    levels, scales, bits = stored
    width = options["group_size"] or size
    if packed:
        bits = _unpacked(bits, size // width) + int(options["min_bits"])
        levels = _unpacked_groups(levels, bits, width)
    return _floats(levels.reshape(-1, width), scales, bits.reshape(-1, 1).astype(np.float32)).reshape(-1)


def _unpacked_groups(packed: Sequence[Array | None], bits: Array, width: int) -> Array:
    """Unpack groups of weights; those of 1, 2, 3, ... bits are packed together."""
    levels = np.zeros((len(bits), width), np.int16)
    if bits.size and not 1 <= bits.min() <= bits.max() <= len(packed) < _MOST_BITS:
        raise CheckpointError("the quantised weights have an invalid number of bits")
    for index, part in enumerate(packed):
        chosen = bits == index + 1
        if part is not None:
            levels[chosen] = _unpacked(part, int(chosen.sum()) * width).reshape(-1, width)
        elif chosen.any():
            raise CheckpointError("some of the quantised weights are missing")
    return levels


def _unpacked(packed: Array, size: int) -> Array:
    """Unpack integers from words ``(blocks, bits, width)``.

    In a block, bit j of the word ``[b, i]`` is bit b of the integer ``j * width + i``.
    """
    words = packed.view(np.uint64)
    blocks, bits, width = words.shape
    if bits > _MOST_BITS or blocks * width * _WORD < size:
        raise CheckpointError("the quantised weights are damaged or those of another model")
    values = np.zeros((blocks, _WORD, width), np.int16)
    shifts = np.arange(_WORD, dtype=np.uint64)[:, None]
    for bit in range(bits):
        values |= ((words[:, bit, None] >> shifts) & np.uint64(1)).astype(np.int16) << bit
    return values.reshape(-1)[:size]


def _floats(levels: Array, scales: Sequence[float], bits: Any) -> Array:
    """Return ``levels / (2^bits - 1)``, scaled to the least and the greatest value, float32."""
    least, greatest = map(float, scales)
    unit = np.float32(1) / (np.float32(2) ** bits - np.float32(1))
    values = levels.astype(np.float32) * unit
    result: Array = values * np.float32(greatest - least) + np.float32(least)
    return result
