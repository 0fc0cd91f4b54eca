from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import sys
import types
import warnings
import zipfile
import zlib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from partita.errors import ModelError
from partita.zoo.checkpoints import read_checkpoint, read_compressed
from partita.zoo.pickles import CheckpointError, ClassName

from .test_pickles import _Call, canary

__all__ = ["canary"]

TENSORS = {
    "half": torch.arange(12.0).reshape(3, 4).half(),
    "long": torch.arange(5),
    "transposed": torch.arange(24.0).reshape(4, 6).t(),
    "slice": torch.arange(8.0)[2:4],
    "empty": torch.zeros(0, 3),
    "scalar": torch.tensor(True),
    "bfloat16": torch.tensor([1.5, -2.25]).bfloat16(),
    "parameter": torch.nn.Parameter(torch.ones(2)),
}


def saved(value, *, legacy=False):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes without source code
        torch.save(value, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def read(folder: Path, content: bytes, name: str = "model.th"):
    (folder / name).write_bytes(content)
    return read_checkpoint(folder / name)


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_what_torch_saves_is_read(tmp_path, legacy, compress):
    value = {"state": TENSORS, "layer": torch.nn.Linear(2, 3).state_dict(), "size": torch.Size([2, 3]), "n": [1, "a"]}
    found = read(tmp_path, compress(saved(value, legacy=legacy)))
    assert found["size"] == (2, 3)
    assert found["n"] == [1, "a"]
    for expected, arrays in ((TENSORS, found["state"]), (value["layer"], found["layer"])):
        assert list(arrays) == list(expected)
        for name, tensor in expected.items():
            tensor = tensor.detach()
            tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
            assert not arrays[name].flags.writeable or name == "empty"
            np.testing.assert_array_equal(arrays[name], tensor.numpy(), strict=True)


def test_a_module_of_the_legacy_form_is_its_class_name(tmp_path, monkeypatch):
    published = type("Demucs", (torch.nn.Module,), {"__module__": "demucs.model"})
    for name in ("demucs", "demucs.model"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["demucs.model"].Demucs = published
    found = read(tmp_path, saved((published, (), {"sources": 4}, {}), legacy=True))
    assert found == (ClassName("demucs.model.Demucs"), (), {"sources": 4}, {})


def test_shared_storages_are_not_copied(tmp_path):
    whole = torch.arange(6.0)
    found = read(tmp_path, saved([whole, whole[2:]]))
    assert np.shares_memory(found[0], found[1])


def test_a_compressed_state_is_read():
    found = read_compressed(zlib.compress(saved(TENSORS)))
    np.testing.assert_array_equal(found["long"], np.arange(5))


def test_safetensors_of_demucs_are_read(tmp_path):
    """The nested state is flattened into tensors and a structure, the arguments into JSON."""
    levels = np.arange(6, dtype=np.int64).reshape(1, 2, 3)
    structure = {
        "_dict": [
            ["quantized", {"_list": [{"_tuple": [{"_tensor": "a"}, {"_tuple": [0.5, None]}]}]}],
            ["meta", {"_dict": [["klass", {"_class": "diffq.diffq.DiffQuantizer"}], ["packed", True]]}],
        ]
    }
    metadata = {
        "klass": "demucs.htdemucs.HTDemucs",
        "args": "[]",
        "kwargs": json.dumps({"segment": {"_type": "fraction", "numerator": 39, "denominator": 5}, "sources": ["a"]}),
        "structure": json.dumps(structure),
    }
    save_file({"a": levels}, tmp_path / "model.safetensors", metadata)
    found = read_checkpoint(tmp_path / "model.safetensors")
    assert found["klass"] == ClassName("demucs.htdemucs.HTDemucs")
    assert found["kwargs"] == {"segment": Fraction(39, 5), "sources": ["a"]}
    ((array, scales),) = found["state"]["quantized"]
    np.testing.assert_array_equal(array, levels)
    assert scales == (0.5, None)
    assert found["state"]["meta"] == {"klass": ClassName("diffq.diffq.DiffQuantizer"), "packed": True}


def test_safetensors_without_metadata_are_a_dictionary(tmp_path):
    save_file({"a": np.ones(2)}, tmp_path / "model.safetensors")
    assert list(read_checkpoint(tmp_path / "model.safetensors")) == ["a"]


# Hostile and damaged files


def archive(members, *, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicate names
        with zipfile.ZipFile(file, "w", compression) as target:
            for name, content in members:
                target.writestr(name, content)
    return file.getvalue()


class _Reference:
    """A tensor with whatever numbers a hostile file wants."""

    def __init__(self, count, offset, shape, strides, kind="FloatStorage", key="0"):
        self.reference = ("storage", getattr(torch, kind), key, "cpu", count)
        self.rest = (offset, shape, strides, False, {})


class _Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value if isinstance(value, tuple) and value[:1] == ("storage",) else None

    def reducer_override(self, value):
        if isinstance(value, _Reference):
            return torch._utils._rebuild_tensor_v2, (value.reference, *value.rest)
        return NotImplemented


def pickled(value):
    file = io.BytesIO()
    _Pickler(file, 2).dump(value)
    return file.getvalue()


def torch_archive(value, data=b"\0" * 16, more=(), **options):
    return archive([("m/data.pkl", pickled(value)), ("m/data/0", data), ("m/version", b"3\n"), *more], **options)


def overlapping():
    """Two members whose contents are the same bytes."""
    content = bytearray(torch_archive([], b"\0" * 64, [("m/data/1", b"\0" * 64)]))
    entries = [place for place in range(len(content)) if content[place : place + 4] == b"PK\x01\x02"]
    (first,) = struct.unpack_from("<I", content, entries[1] + 42)
    struct.pack_into("<I", content, entries[3] + 42, first)
    return bytes(content)


def endless_legacy(count):
    """A legacy file whose storage is declared larger than the file."""
    reference = ("storage", torch.FloatStorage, "0", "cpu", count, None)
    tensor = _Reference(count, 0, (count,), (1,))
    tensor.reference = reference
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)]
    return b"".join([*parts, pickled(tensor), pickle.dumps(["0"], 2), struct.pack("<q", count), b"\0" * 64])


class _Inner:
    """A checkpoint within a checkpoint: torch has a function that loads it without any check."""

    def __init__(self, content):
        self.content = content

    def __reduce__(self):
        return torch.storage._load_from_bytes, (self.content,)


HOSTILE = {
    "a command in an archive": (lambda c: archive([("m/data.pkl", pickle.dumps(_Call(eval, c.code), 2))]), "eval"),
    "a command in the legacy form": (lambda c: saved(_Call(eval, c.code), legacy=True), "eval"),
    "a command in a bare pickle": (lambda c: pickle.dumps(_Call(eval, c.code)), "eval"),
    "a command in a gzip file": (lambda c: gzip.compress(saved(_Call(eval, c.code))), "eval"),
    "a command in place of the magic number": (lambda c: pickle.dumps(_Call(exec, c.code), 2) + b"rest", "exec"),
    "a checkpoint within": (lambda c: saved(_Inner(saved(_Call(eval, c.code)))), "_load_from_bytes"),
    "a whole module": (lambda _: saved(torch.nn.Linear(1, 1)), "torch.nn.modules.linear.Linear"),
    "an unknown class": (lambda _: saved(Decimal("1")), r"decimal\.Decimal"),
    "a compressed archive": (
        lambda _: torch_archive([], b"\0" * 10**6, compression=zipfile.ZIP_DEFLATED),
        "compressed or encrypted",
    ),
    "a gzip bomb": (lambda _: gzip.compress(b"\0" * (17 * 2**20)), "larger than 17 MB"),
    "members that overlap": (lambda _: overlapping(), "overlap"),
    "a path to the parent folder": (lambda _: torch_archive([], more=[("m/../../canary", b"a")]), "invalid member"),
    "a path from the root": (lambda _: torch_archive([], more=[("/canary", b"a")]), "invalid member"),
    "a path of Windows": (lambda _: torch_archive([], more=[("m\\..\\canary", b"a")]), "invalid member"),
    "two members of one name": (lambda _: torch_archive([], more=[("m/data/0", b"a")]), "invalid member"),
    "an archive without values": (lambda _: archive([("a/b", b"c")]), "not one that torch.save wrote"),
    "a program": (lambda _: torch_archive([], more=[("m/constants.pkl", b"")]), "TorchScript"),
    "another order of bytes": (lambda _: torch_archive([], more=[("m/byteorder", b"big")]), "big-endian"),
    "a shape larger than its storage": (
        lambda _: torch_archive(_Reference(4, 0, (5,), (1,))),
        "larger than its storage",
    ),
    "an offset beyond the storage": (lambda _: torch_archive(_Reference(4, 3, (2,), (1,))), "larger than its storage"),
    "a stride beyond the storage": (lambda _: torch_archive(_Reference(4, 0, (2,), (4,))), "larger than its storage"),
    "a value repeated endlessly": (lambda _: torch_archive(_Reference(4, 0, (10**15,), (0,))), "larger than its"),
    "an absurd shape": (lambda _: torch_archive(_Reference(4, 0, (2**62, 2**62), (1, 1))), "larger than its storage"),
    "a negative stride": (lambda _: torch_archive(_Reference(4, 3, (4,), (-1,))), "unknown way"),
    "a negative size": (lambda _: torch_archive(_Reference(4, 0, (-4,), (1,))), "unknown way"),
    "a size that is no number": (lambda _: torch_archive(_Reference(4, 0, (2.0,), (1,))), "unknown way"),
    "more sizes than strides": (lambda _: torch_archive(_Reference(4, 0, (2, 2), (1,))), "invalid shape"),
    "too many dimensions": (lambda _: torch_archive(_Reference(4, 0, (1,) * 1000, (1,) * 1000)), "invalid shape"),
    "a storage of another size": (lambda _: torch_archive(_Reference(5, 0, (4,), (1,))), "16 bytes instead of 20"),
    "a storage that is missing": (lambda _: torch_archive(_Reference(4, 0, (4,), (1,), key="7")), "missing"),
    "a storage outside its folder": (
        lambda _: torch_archive(_Reference(4, 0, (4,), (1,), key="../data/0")),
        "missing",
    ),
    "a storage of two types": (
        lambda _: torch_archive([_Reference(4, 0, (4,), (1,)), _Reference(4, 0, (4,), (1,), "IntStorage")]),
        "declared twice",
    ),
    "a storage of negative size": (lambda _: torch_archive(_Reference(-4, 0, (4,), (1,))), "unknown way"),
    "a legacy storage beyond the end": (lambda _: endless_legacy(10**15), "ends too early"),
    "a truncated archive": (lambda _: saved(TENSORS)[:-200], "damaged or incomplete"),
    "a truncated legacy file": (lambda _: saved(TENSORS, legacy=True)[:-9], "ends too early"),
    "a truncated gzip file": (lambda _: gzip.compress(saved(TENSORS))[:-20], "end too early|damaged"),
    "a damaged archive": (lambda _: saved(TENSORS).replace(np.float16(11).tobytes(), b"\0\0"), "is damaged"),
    "a damaged gzip file": (lambda _: gzip.compress(b"a" * 99)[:-8] + b"\xff" * 8, "damaged"),
    "an empty file": (lambda _: b"", "not a checkpoint"),
    "a web page": (lambda _: b"<!DOCTYPE html><html>404</html>", "not a checkpoint"),
    "a header of 2^62 bytes": (lambda _: struct.pack("<Q", 2**62) + b'{"a":', "damaged"),
    "tensors beyond the end": (
        lambda _: struct.pack("<Q", 62) + b'{"a":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}}  ',
        "damaged",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_damaged_files_are_refused_and_execute_nothing(kind, canary, tmp_path):
    make, message = HOSTILE[kind]
    content = make(canary)
    with pytest.raises(ModelError, match=message) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path}/model.th: ")
    assert str(caught.value).endswith("nothing in it was executed")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["model.th"]


def test_a_class_in_the_metadata_of_safetensors_is_not_imported(tmp_path):
    for metadata in (
        {"klass": "os.system", "args": '["touch canary"]'},
        {"klass": "demucs.hdemucs.HDemucs", "structure": '{"_class": "os.system"}'},
    ):
        save_file({"a": np.ones(2)}, tmp_path / "model.th", metadata)
        with pytest.raises(ModelError, match=r"refers to 'os\.system', which no known model needs"):
            read_checkpoint(tmp_path / "model.th")
    for metadata in ({"args": "["}, {"structure": '{"_tensor": "b"}'}, {"structure": "[" * 10**5}):
        save_file({"a": np.ones(2)}, tmp_path / "model.th", {"klass": "demucs.hdemucs.HDemucs", **metadata})
        with pytest.raises(ModelError, match="metadata of the safetensors file are damaged"):
            read_checkpoint(tmp_path / "model.th")


def test_a_bomb_in_a_compressed_state_is_stopped():
    with pytest.raises(CheckpointError, match="larger than 17 MB"):
        read_compressed(zlib.compress(b"\0" * (17 * 2**20)))


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"missing\.th: cannot be read: No such file"):
        read_checkpoint(tmp_path / "missing.th")
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        read_checkpoint(tmp_path)
