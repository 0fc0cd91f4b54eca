from __future__ import annotations

import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from fractions import Fraction

import pytest

from partita.zoo.pickles import CheckpointError, ClassName, Record, read_pickle


def read(content, **options):
    return read_pickle(memoryview(content), **options)[0]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_survive(protocol):
    shared = [1]
    values = {
        "numbers": (0, 255, 65535, -1, 2**31, 2**100, 0.5, True, False, None),
        "text": ["", "drums", "é", "x" * 300],
        "bytes": [b"", b"\x00\xff", b"x" * 300],
        "sets": [{1, "a"}, frozenset({2.5}), set()],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "empty": [[], {}],
        "ordered": OrderedDict([("b", 1), ("a", 2)]),
        "fraction": Fraction(-39, 5),
        "shared": [shared, shared],
    }
    found = read(pickle.dumps(values, protocol))
    assert found == values
    assert list(found["ordered"]) == ["b", "a"]
    assert found["shared"][0] is found["shared"][1]
    optimised = pickletools.optimize(pickle.dumps(values, protocol))
    assert read(optimised) == values


def test_a_pickle_ends_where_the_next_begins():
    content = memoryview(pickle.dumps(1) + pickle.dumps([2]) + b"rest")
    first, place = read_pickle(content)
    second, place = read_pickle(content, place)
    assert (first, second) == (1, [2])
    assert bytes(content[place:]) == b"rest"


def test_known_classes_become_names_and_records():
    content = (
        b"\x80\x02(ccrate\nSong\n"  # the class itself
        b"ccrate\nSong\nK\x01\x85\x81"  # NEWOBJ
        b"}X\x05\x00\x00\x00titleX\x01\x00\x00\x00as"
        b"bccrate\nSong\n(K\x01K\x02tR"  # REDUCE
        b"\x80\x04ccrate\nSong\n)}X\x01\x00\x00\x00kK\x03s\x92"  # NEWOBJ_EX
        b"t."
    )
    song = ClassName("crate.Song")
    assert read(content, classes={"crate.Song"}) == (
        song,
        Record(song, (1,), state={"title": "a"}),
        Record(song, (1, 2)),
        Record(song, (), {"k": 3}),
    )


def test_functions_of_the_caller_are_called_instead():
    content = pickle.dumps(slice(1, 2), 2)
    assert read(content, functions={"__builtin__.slice": lambda *args: list(args)}) == [1, 2, None]


def test_persistent_ids_are_resolved():
    content = b"\x80\x02X\x03\x00\x00\x00abcQ."
    assert read(content, persistent=lambda reference: reference.upper()) == "ABC"
    with pytest.raises(CheckpointError, match="outside itself"):
        read(content)


class _Call:
    def __init__(self, function, *arguments):
        self.value = (function, arguments)

    def __reduce__(self):
        return self.value


class _Canary:
    """What hostile pickles try to touch: a file that must not appear."""

    def __init__(self, path):
        self.path = path
        self.command = f"touch '{path}'"
        self.code = f"open({str(path)!r}, 'w')"


@pytest.fixture
def canary(tmp_path):
    canary = _Canary(tmp_path / "canary")
    yield canary
    assert not canary.path.exists()


def _text(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


HOSTILE = {
    "a command": (lambda c: pickle.dumps(_Call(os.system, c.command), 2), "posix.system"),
    "a command in the newest protocol": (lambda c: pickle.dumps(_Call(os.system, c.command), 5), "posix.system"),
    "code": (lambda c: pickle.dumps(_Call(exec, c.code), 4), "builtins.exec"),
    "an import": (lambda _: b"\x80\x02cimportlib\nimport_module\n" + _text("os") + b"\x85R.", "importlib"),
    "an attribute of a module": (
        lambda c: b"\x80\x04\x8c\x02os\x8c\x06system\x93" + _text(c.command) + b"\x85R.",
        "os",
    ),
    "an attribute of an allowed class": (
        lambda _: b"\x80\x04" + _text("fractions") + _text("Fraction.from_float.__func__") + b"\x93.",
        "no known model",
    ),
    "a function as class, the old way": (
        lambda c: b"(" + _text(c.command) + b"ios\nsystem\n.",
        "instruction INST",
    ),
    "an object, the old way": (lambda c: b"(ccrate\nSong\n" + _text(c.command) + b"o.", "instruction OBJ"),
    "a registered extension": (lambda _: b"\x80\x02\x82\x01.", "instruction EXT1"),
    "a persistent id as text": (lambda _: b"Pabc\n.", "instruction PERSID"),
    "a call of what is no function": (
        lambda _: b"\x80\x02" + _text("system") + _text("a") + b"\x85R.",
        "what it is not",
    ),
    "attributes of a class": (
        lambda _: b"\x80\x02ccrate\nSong\n}" + _text("name") + _text("os.system") + b"sb.",
        "what it is not",
    ),
    "attributes of a function": (
        lambda _: b"\x80\x02ccollections\nOrderedDict\n}" + _text("call") + _text("x") + b"sb.",
        "what it is not",
    ),
    "arguments that are no tuple": (lambda _: b"\x80\x02ccollections\nOrderedDict\n" + _text("ab") + b"R.", "not"),
    "keys whose hash takes forever": (lambda _: b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * 60 + b"K\x01s.", "key"),
    "a set of such keys": (lambda _: b"\x80\x04\x8f(" + b")" + b"\x94h\x00\x86" * 60 + b"\x90.", "key"),
    "a fraction of endless digits": (
        lambda _: b"\x80\x02cfractions\nFraction\n" + _text("9" * 5000) + b"\x85R.",
        "invalid fraction",
    ),
    "a fraction over zero": (
        lambda _: b"\x80\x02cfractions\nFraction\n" + _text("1/0") + b"\x85R.",
        "invalid fraction",
    ),
    "an exponent": (lambda _: b"\x80\x02cfractions\nFraction\n" + _text("1e999999999") + b"\x85R.", "invalid fraction"),
    "a text of 2^60 bytes": (lambda _: b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"abc.", "damaged"),
    "endless steps": (lambda _: b"\x80\x02" + b"N0" * 100_001 + b"N.", "steps"),
    "an empty stack": (lambda _: b"\x80\x02.", "damaged"),
    "more than one value": (lambda _: b"\x80\x02NN.", "damaged"),
    "no end": (lambda _: b"\x80\x02]", "damaged"),
    "a mark that is missing": (lambda _: b"\x80\x02Nt.", "damaged"),
    "too few items": (lambda _: b"\x80\x02N\x86.", "damaged"),
    "an odd dictionary": (lambda _: b"\x80\x02}(Nu.", "damaged"),
    "an unknown place of the memo": (lambda _: b"\x80\x02h\x05.", "damaged"),
    "an unknown instruction": (lambda _: b"\xfe.", "damaged"),
    "a name of endless length": (lambda _: b"\x80\x02c" + b"a" * 10**6 + b"\n.", "damaged"),
    "an unknown encoding": (lambda _: b"\x80\x02c_codecs\nencode\n" + _text("a") + _text("zip") + b"\x86R.", "encodes"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pickles_are_refused_and_execute_nothing(kind, canary):
    make, message = HOSTILE[kind]
    with pytest.raises(CheckpointError, match=message) as caught:
        read(make(canary), classes={"crate.Song"})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_canary_would_have_sung(tmp_path):
    canary = _Canary(tmp_path / "canary")
    pickle.loads(HOSTILE["a command"][0](canary))
    assert canary.path.exists()


def test_a_billion_laughs_take_no_memory():
    """Sixty lists, each of which contains the one before twice."""
    laugh = []
    for _ in range(60):
        laugh = [laugh, laugh]
    found = read(pickle.dumps(laugh, 2))
    assert found[0] is found[1]
