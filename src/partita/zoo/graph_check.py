"""What a graph may contain and refer to, checked before ONNX Runtime loads it.

ONNX Runtime opens the files that a graph names as external data, and some of its versions open any file, or take a
location for an address in memory. A graph may also contain graphs and functions, in which all of this can be repeated.
This module reads the few fields of the file that decide on this, without the package onnx: a graph of a package is a
plain list of standard operators, and the only file it refers to is that of the weights beside it. A list of operators
also ends, as a loop need not.

The file is a protocol buffer: fields of a number, a wire type and a value, one after another. A field that a graph does
not need makes the check fail, so whatever this reader skips is of a kind that refers to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from partita.errors import ConfigError, ModelError
from partita.system.files import open_regular, read_regular
from partita.zoo.package import LARGEST_GRAPH, LARGEST_WEIGHTS, WEIGHTS_NAME

__all__ = ["check_graph"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_ONNX = (b"", b"ai.onnx")  # the domain of the standard operators, by either name
_FUSED = {(b"com.microsoft", b"MultiHeadAttention")}  # operators of other domains


def _tags(*numbers: int, wire: int = _BYTES) -> frozenset[int]:
    return frozenset(number << 3 | wire for number in numbers)


def _tag(number: int, wire: int = _BYTES) -> int:
    return number << 3 | wire


# the fields of onnx.proto by their tags; those of the sets refer to nothing
_MODEL_REST = _tags(2, 3, 4, 6, 14) | _tags(1, 5, wire=_VARINT)
_MODEL_GRAPH, _MODEL_OPSET = _tag(7), _tag(8)
_OPSET_DOMAIN, _OPSET_VERSION = _tag(1), _tag(2, _VARINT)
_GRAPH_REST = _tags(2, 10, 11, 12, 13, 16)
_GRAPH_NODE, _GRAPH_TENSOR = _tag(1), _tag(5)
_NODE_REST = _tags(1, 2, 3, 6, 9)
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = _tag(4), _tag(5), _tag(7)
_ATTRIBUTE_REST = (
    _tags(1, 4, 7, 8, 9, 13) | _tags(3, 8, 20, wire=_VARINT) | _tags(2, 7, wire=_FIXED32)
)  # names, texts and numbers
_ATTRIBUTE_TENSORS = _tags(5, 10)
_TENSOR_REST = (
    _tags(1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16)
    | _tags(1, 2, 5, 7, 11, wire=_VARINT)
    | _tags(4, wire=_FIXED32)
    | _tags(10, wire=_FIXED64)
)
_TENSOR_ENTRY, _TENSOR_PLACE = _tag(13), _tag(14, _VARINT)
_ENTRY_KEY, _ENTRY_VALUE = _tag(1), _tag(2)
_EXTERNAL = 1  # place of a tensor


class _RefusedError(Exception):
    """The graph contains what it may not."""


def check_graph(graph: Path, weights: Path) -> None:
    """Check what a graph contains and refers to.

    Args:
        graph: The ONNX file.
        weights: The only file that it may refer to, in the same folder.

    Raises:
        ModelError: The graph is damaged, contains other graphs, functions or operators that are not allowed, or refers
            to any other file or beyond the end of this one.
    """
    try:
        content = read_regular(graph, LARGEST_GRAPH)
        with open_regular(weights, LARGEST_WEIGHTS) as file:
            size = file.seek(0, 2)
    except ConfigError as error:
        raise ModelError(str(error)) from error
    try:
        _check_model(content, size)
    except _RefusedError as error:
        raise ModelError(f"{graph}: {error}") from error


def _check_model(content: bytes, size: int) -> None:
    graphs = 0
    for tag, start, end in _fields(content, 0, len(content)):
        if tag == _MODEL_GRAPH:
            graphs += 1
            _check_operators(content, start, end, size)
        elif tag == _MODEL_OPSET:
            for inner, first, last in _fields(content, start, end):
                if inner == _OPSET_DOMAIN and content[first:last] not in (*_ONNX, *(domain for domain, _ in _FUSED)):
                    _refuse(f"it uses the operators of {content[first:last][:80]!r}")
                if inner not in (_OPSET_DOMAIN, _OPSET_VERSION):
                    _refuse_field("opset", inner)
        elif tag not in _MODEL_REST:
            _refuse_field("model", tag)
    if graphs != 1:
        _refuse(f"it contains {graphs} graphs instead of one")


def _check_operators(content: bytes, start: int, end: int, size: int) -> None:
    for tag, first, last in _fields(content, start, end):
        if tag == _GRAPH_NODE:
            _check_node(content, first, last)
        elif tag == _GRAPH_TENSOR:
            _check_tensor(content, first, last, size)
        elif tag not in _GRAPH_REST:
            _refuse_field("graph", tag)


def _check_node(content: bytes, start: int, end: int) -> None:
    domain = operator = None
    for tag, first, last in _fields(content, start, end):
        if tag in _NODE_REST:
            continue
        if tag == _NODE_OPERATOR and operator is None:
            operator = content[first:last]
        elif tag == _NODE_DOMAIN and domain is None:
            domain = content[first:last]
        elif tag == _NODE_ATTRIBUTE:
            for inner, inner_first, inner_last in _fields(content, first, last):
                if inner in _ATTRIBUTE_TENSORS:
                    _check_tensor(content, inner_first, inner_last, None)
                elif inner not in _ATTRIBUTE_REST:
                    _refuse_field("attribute", inner)
        else:
            _refuse_field("operator", tag)
    if (domain or b"") not in _ONNX and (domain, operator) not in _FUSED:
        _refuse(f"it contains the operator {(operator or b'')[:80]!r} of {(domain or b'')[:80]!r}")


def _check_tensor(content: bytes, start: int, end: int, size: int | None) -> None:
    """Check a tensor; ``size`` is that of the file it may refer to, ``None`` if it may not refer to any."""
    entries: dict[bytes, bytes] = {}
    external = False
    for tag, first, last in _fields(content, start, end):
        if tag == _TENSOR_ENTRY:
            entry = [(inner, content[a:b]) for inner, a, b in _fields(content, first, last)]
            if [inner for inner, _ in entry] != [_ENTRY_KEY, _ENTRY_VALUE] or entry[0][1] in entries:
                _refuse("a tensor refers to a file in a way that no package needs")
            entries[entry[0][1]] = entry[1][1]
            external = True
        elif tag == _TENSOR_PLACE and first in (0, _EXTERNAL):
            external |= first == _EXTERNAL
        elif tag not in _TENSOR_REST:
            _refuse_field("tensor", tag)
    if not external:
        return
    if size is None or set(entries) != {b"location", b"offset", b"length"}:
        _refuse("a tensor refers to a file in a way that no package needs")
    if entries[b"location"] != WEIGHTS_NAME.encode():
        _refuse(f"it refers to the file {entries[b'location'][:80]!r}; only {WEIGHTS_NAME} is allowed")
    offset, length = (_whole(entries[key]) for key in (b"offset", b"length"))
    if offset + length > size:
        _refuse(f"it refers to data beyond the end of {WEIGHTS_NAME}")


def _whole(text: bytes) -> int:
    if not text.isdigit() or len(text) > 15:
        _refuse(f"a tensor has the invalid position {text[:80]!r}")
    return int(text)


def _fields(content: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the tag of each field and where its bytes begin and end; of a varint, the first is its value."""
    position = start
    while position < end:
        tag, position = _varint(content, position, end)
        wire = tag & 7
        if wire == _BYTES:
            length, position = _varint(content, position, end)
            first, position = position, position + length
            if position > end:
                _refuse("it is damaged")
            yield tag, first, position
        elif wire == _VARINT:
            value, position = _varint(content, position, end)
            yield tag, value, position
        elif wire in (_FIXED32, _FIXED64):
            position += 4 if wire == _FIXED32 else 8
            yield tag, position, position
        else:
            _refuse("it is damaged")


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 70:
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    return _refuse("it is damaged")


def _refuse(reason: str) -> NoReturn:
    raise _RefusedError(f"not a graph of a model package: {reason}")


def _refuse_field(what: str, tag: int) -> NoReturn:
    _refuse(
        f"field {tag >> 3} of the {what} is not allowed, such as graphs within graphs, functions, and sparse tensors"
    )
