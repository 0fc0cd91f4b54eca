"""Reading the files that torch.save and safetensors write, without torch and without executing anything.

:func:`read_checkpoint` returns plain values and NumPy arrays. It reads the zip form of torch.save (since torch 1.6) and
the legacy form before it, also compressed by gzip, and safetensors with the metadata of demucs 4.1. Every size
and every shape that a file declares is checked against the bytes that are there.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from partita.errors import ModelError
from partita.zoo.pickles import CheckpointError, ClassName, read_pickle

__all__ = ["read_checkpoint", "read_compressed"]

Array = NDArray[Any]

# classes that published checkpoints name; none of them is ever imported
_CLASSES = frozenset({
    "demucs.demucs.Demucs",
    "demucs.hdemucs.HDemucs",
    "demucs.htdemucs.HTDemucs",
    "demucs.model.Demucs",
    "demucs.tasnet.ConvTasNet",
    "diffq.diffq.DiffQuantizer",
    "diffq.uniform.UniformQuantizer",
    # of training arguments that were stored beside the weights
    "argparse.Namespace",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
})  # fmt: skip
_STORAGES = {
    "torch.BFloat16Storage": "<u2",
    "torch.BoolStorage": "?",
    "torch.ByteStorage": "u1",
    "torch.CharStorage": "i1",
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.IntStorage": "<i4",
    "torch.LongStorage": "<i8",
    "torch.ShortStorage": "<i2",
}
_LEGACY_MAGIC, _LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_LARGEST = 4 * 2**30  # bytes after decompression; the largest published model has 2.6e9
_RATIO, _ALWAYS = 100, 16 * 2**20  # a file may grow by this factor, or up to this size in bytes
_MOST_DIMENSIONS = 8
_LOCAL_HEADER = struct.Struct("<4s22xHH")


def read_checkpoint(path: Path) -> Any:
    """Read a checkpoint.

    Args:
        path: A file that torch.save or safetensors wrote.

    Returns:
        What was saved, of plain values, arrays, :class:`~partita.zoo.pickles.ClassName` and
        :class:`~partita.zoo.pickles.Record`. Arrays are read-only views of the file. A safetensors file becomes a
        dictionary of its tensors, or of ``klass``, ``args``, ``kwargs`` and ``state`` if its metadata names a class.

    Raises:
        ModelError: The file cannot be read, is damaged, or contains what a checkpoint of weights does not need.
    """
    try:
        with path.open("rb") as file:
            return _read_file(file, path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except CheckpointError as error:
        raise ModelError(f"{path}: {error}; nothing in it was executed") from error


def read_compressed(content: bytes) -> Any:
    """Read a checkpoint that zlib compressed into a string of bytes, as those of quantised models.

    Raises:
        CheckpointError: It is damaged, or contains what a checkpoint of weights does not need.
    """
    with _inflated([content], len(content)) as file:
        return _read_torch(file)


def _read_file(file: IO[bytes], path: Path) -> Any:
    head = file.read(16)
    file.seek(0)
    if head[:2] == b"\x1f\x8b":
        chunks = iter(lambda: file.read(2**20), b"")
        with _inflated(chunks, path.stat().st_size) as inflated:
            return _read_torch(inflated)
    if head[8:9] == b"{":
        return _read_safetensors(path)
    return _read_torch(file)


def _read_torch(file: IO[bytes]) -> Any:
    file.seek(0)
    head = file.read(4)
    if head == b"PK\x03\x04":
        return _read_zip(file)
    if head[:1] == b"\x80":
        return _read_legacy(file)
    raise CheckpointError("not a checkpoint that torch.save or safetensors wrote")


def _view(file: IO[bytes]) -> memoryview:
    """Map a file into memory; arrays made from it keep it open."""
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


@contextmanager
def _inflated(chunks: Iterable[bytes], size: int) -> Iterator[IO[bytes]]:
    """Decompress gzip or zlib data of ``size`` bytes into a temporary file without a name."""
    limit = min(_LARGEST, max(_ALWAYS, _RATIO * size))
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)
    with tempfile.TemporaryFile() as file:
        for chunk in chunks:
            rest = chunk
            while rest and not decompressor.eof:
                try:
                    file.write(decompressor.decompress(rest, 2**20))
                except zlib.error as error:
                    raise CheckpointError("the compressed data are damaged; download the file again") from error
                rest = decompressor.unconsumed_tail
                if file.tell() > limit:
                    raise CheckpointError(f"it would be larger than {limit / 1e6:.0f} MB when decompressed")
        if not decompressor.eof:
            raise CheckpointError("the compressed data end too early; download the file again")
        file.flush()
        yield file


@dataclass(frozen=True)
class _Storage:
    """The numbers that tensors share; ``data`` is None while only their count is known."""

    kind: str
    count: int
    data: memoryview | None = None

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.count * np.dtype(_STORAGES[self.kind]).itemsize

    def values(self) -> Array:
        assert self.data is not None
        values: Array = np.frombuffer(self.data, _STORAGES[self.kind])
        if self.kind == "torch.BFloat16Storage":  # the upper halves of float32 values
            values = (values.astype("<u4") << 16).view("<f4")
        return values


def _read_zip(file: IO[bytes]) -> Any:
    members = _zip_members(file)
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError("an archive, but not one that torch.save wrote")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in members:
        raise CheckpointError("a TorchScript program; import the checkpoint of its weights instead")
    if bytes(members.get(f"{folder}byteorder", b"little")) != b"little":
        raise CheckpointError("its numbers are stored in big-endian order, which partita does not read")
    storages: dict[str, _Storage] = {}

    def persistent(reference: Any) -> _Storage:
        key, storage = _declared(reference, storages, fields=5)
        if storage.data is None:
            data = members.get(f"{folder}data/{key}")
            if data is None or len(data) != storage.size:
                found = "is missing" if data is None else f"has {len(data)} bytes instead of {storage.size}"
                raise CheckpointError(f"the storage {_quoted(key)} {found}")
            storages[key] = storage = replace(storage, data=data)
        return storage

    return _read_values(members[pickles[0]], 0, persistent)[0]


def _zip_members(file: IO[bytes]) -> dict[str, memoryview]:
    """Return the contents of an archive by name; torch.save stores them without compression."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, OSError) as error:
        raise CheckpointError("the archive is damaged or incomplete; download it again") from error
    buffer = _view(file)
    members: dict[str, memoryview] = {}
    end = 0
    for entry in entries:
        name = entry.filename
        if name in members or "\\" in name or ":" in name or set(name.split("/")) & {"", ".", ".."}:
            raise CheckpointError(f"the archive has an invalid member {_quoted(name)}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.file_size != entry.compress_size:
            raise CheckpointError("the archive is compressed or encrypted, which torch.save never does")
        header = buffer[entry.header_offset : entry.header_offset + _LOCAL_HEADER.size]
        if entry.header_offset < end or len(header) < _LOCAL_HEADER.size:
            raise CheckpointError("the members of the archive overlap")
        magic, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        start = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        end = start + entry.file_size
        members[name] = buffer[start:end]
        if magic != b"PK\x03\x04" or end > len(buffer) or zlib.crc32(members[name]) != entry.CRC:
            raise CheckpointError(f"the member {_quoted(name)} is damaged; download the file again")
    return members


def _read_legacy(file: IO[bytes]) -> Any:
    """Read the form before torch 1.6: four pickles, a list of the storages, and the storages one after another.

    The place of a storage is known only after the pickle that refers to it, so that pickle is read twice.
    """
    buffer = _view(file)
    magic, place = read_pickle(buffer)
    if magic != _LEGACY_MAGIC:
        raise CheckpointError("a pickle, but not one that torch.save wrote")
    protocol, place = read_pickle(buffer, place)
    system, start = read_pickle(buffer, place)
    if protocol != _LEGACY_PROTOCOL or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError("written by an unknown version of torch.save or on a big-endian machine")
    storages: dict[str, _Storage] = {}

    def persistent(reference: Any) -> Any:
        if type(reference) is tuple and len(reference) == 4 and reference[0] == "module":
            return reference[1]  # a class; its source code follows
        return _declared(reference, storages, fields=6)[1]

    _, place = _read_values(buffer, start, persistent)
    keys, place = read_pickle(buffer, place)
    if not isinstance(keys, list) or not all(type(key) is str for key in keys) or sorted(keys) != sorted(storages):
        raise CheckpointError("the list of storages is damaged")
    for key in keys:
        storage = storages[key]
        data = buffer[place + 8 : place + 8 + storage.size]
        if len(data) < storage.size or len(buffer) < place + 8:
            raise CheckpointError("the file ends too early; download it again")
        if struct.unpack_from("<q", buffer, place)[0] != storage.count:
            raise CheckpointError(f"the storage {_quoted(key)} is not as large as declared")
        storages[key] = replace(storage, data=data)
        place += 8 + storage.size
    return _read_values(buffer, start, persistent)[0]


def _declared(reference: Any, storages: dict[str, _Storage], fields: int) -> tuple[str, _Storage]:
    """Return key and storage of a reference ``("storage", type, key, device, count[, view])``."""
    if type(reference) is not tuple or len(reference) != fields or reference[0] != "storage":
        raise CheckpointError("a storage is declared in an unknown way")
    kind, key, count = reference[1], reference[2], reference[4]
    if not isinstance(kind, ClassName) or kind.name not in _STORAGES or type(key) is not str or type(count) is not int:
        raise CheckpointError("a storage is declared in an unknown way")
    if count < 0 or (fields == 6 and reference[5] is not None):
        raise CheckpointError("a storage is declared in an unknown way")
    storage = storages.setdefault(key, _Storage(kind.name, count))
    if (storage.kind, storage.count) != (kind.name, count):
        raise CheckpointError(f"the storage {_quoted(key)} is declared twice, differently")
    return key, storage


def _read_values(buffer: memoryview, start: int, persistent: Callable[[Any], Any]) -> tuple[Any, int]:
    return read_pickle(buffer, start, classes=_CLASSES | set(_STORAGES), functions=_FUNCTIONS, persistent=persistent)


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Array:
    """Return a view of a storage; called in place of torch's function."""
    if not isinstance(storage, _Storage) or type(shape) is not tuple or type(strides) is not tuple:
        raise CheckpointError("a tensor is declared in an unknown way")
    if not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise CheckpointError("a tensor is declared in an unknown way")
    if len(shape) != len(strides) or len(shape) > _MOST_DIMENSIONS:
        raise CheckpointError("a tensor has an invalid shape")
    count = math.prod(shape)
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if count > storage.count or (count and last >= storage.count):
        raise CheckpointError(f"a tensor of {_quoted(shape)} values is larger than its storage")
    if storage.data is None or not count:
        return np.empty(0 if count else shape, np.float32)
    values = storage.values()
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps, writeable=False)


def _rebuild_parameter(tensor: Any, *_: Any) -> Array:
    if not isinstance(tensor, np.ndarray):
        raise CheckpointError("a parameter is not a tensor")
    return tensor


def _size(numbers: Any) -> tuple[int, ...]:
    if type(numbers) is not tuple:
        raise CheckpointError("a size is declared in an unknown way")
    return numbers


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "torch.Size": _size,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
}


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except (SafetensorError, ValueError, TypeError, KeyError, OSError) as error:
        raise CheckpointError("a damaged or incomplete safetensors file; download it again") from error
    if "klass" not in metadata:
        return tensors
    if metadata["klass"] not in _CLASSES:
        raise CheckpointError(f"it refers to {_quoted(metadata['klass'])}, which no known model needs")
    try:
        args, kwargs, structure = (
            json.loads(metadata.get(key, default))
            for key, default in (("args", "[]"), ("kwargs", "{}"), ("structure", "null"))
        )
        state = tensors if structure is None else _unflattened(structure, tensors)
        return {"klass": ClassName(metadata["klass"]), "args": _values(args), "kwargs": _values(kwargs), "state": state}
    except CheckpointError:
        raise
    except (ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise CheckpointError("the metadata of the safetensors file are damaged") from error


def _values(value: Any) -> Any:
    """Return decoded JSON with its fractions."""
    if isinstance(value, dict):
        if value.get("_type") == "fraction":
            return Fraction(int(value["numerator"]), int(value["denominator"]))
        return {key: _values(item) for key, item in value.items()}
    return [_values(item) for item in value] if isinstance(value, list) else value


def _unflattened(node: Any, tensors: Mapping[str, Array]) -> Any:
    """Return the nested state that demucs 4.1 flattened: each node is a value or names its kind."""
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "_tensor":
        return tensors[content]
    if kind == "_dict":
        return {key: _unflattened(item, tensors) for key, item in content}
    if kind in ("_list", "_tuple"):
        items = [_unflattened(item, tensors) for item in content]
        return tuple(items) if kind == "_tuple" else items
    if kind == "_class" and content in _CLASSES:
        return ClassName(content)
    raise CheckpointError(f"it refers to {_quoted(content)}, which no known model needs")


def _quoted(value: Any) -> str:
    return ascii(value)[:80]
