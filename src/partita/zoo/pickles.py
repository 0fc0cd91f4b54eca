"""Reading pickles without executing anything.

A pickle is a program for a small stack machine, and Python's own machine calls whatever the program names. The machine
here has only the instructions that build plain values. A name in a pickle becomes a :class:`ClassName`, which is text,
and an object of a named class becomes a :class:`Record`, which holds the arguments. Only functions that the caller
passes are ever called. All other instructions and names end in a :class:`CheckpointError`.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

__all__ = ["CheckpointError", "ClassName", "Record", "read_pickle"]

_MOST_STEPS = 200_000  # the published models need fewer than 20,000
_LONGEST_LINE = 1000  # bytes of the name of a module or a class
_MOST_DIGITS = 24  # of a numerator or a denominator
_SCALARS = (bool, int, float, str, bytes, type(None))


class CheckpointError(ValueError):
    """A checkpoint is damaged, or asks for something that reading plain values does not need."""


@dataclass(frozen=True)
class ClassName:
    """The full name of a class, such as ``demucs.hdemucs.HDemucs``; the class itself is never imported."""

    name: str


@dataclass
class Record:
    """An object of a known class, as the arguments that would have made it.

    Attributes:
        of: Name of its class.
        args: Positional arguments of its constructor.
        kwargs: Keyword arguments of its constructor.
        state: What the pickle would have set afterwards, usually a dictionary of attributes.
    """

    of: ClassName
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    state: Any = None


@dataclass(frozen=True)
class _Function:
    name: str
    call: Callable[..., Any]


def read_pickle(
    buffer: memoryview,
    start: int = 0,
    *,
    classes: Container[str] = (),
    functions: Mapping[str, Callable[..., Any]] | None = None,
    persistent: Callable[[Any], Any] | None = None,
) -> tuple[Any, int]:
    """Read one pickle.

    Args:
        buffer: Bytes that contain it.
        start: Where it starts.
        classes: Full names of the classes that become names and records.
        functions: Full name of a function in the pickle -> the function that is called in its place. Whatever they are
            passed is untrusted.
        persistent: Resolves the persistent ids of the pickle; without it, they are refused.

    Returns:
        The value, and where the pickle ends. The value consists of numbers, strings, bytes, lists, tuples, sets,
        dictionaries, fractions, class names, records, and what the functions returned.

    Raises:
        CheckpointError: The pickle is damaged or refused.
    """
    stream = _Stream(buffer, start)
    machine = _Machine(classes, {**_FUNCTIONS, **(functions or {})}, persistent)
    try:
        for opcode, argument, _ in pickletools.genops(stream):  # type: ignore[arg-type]
            machine.step(opcode.name, argument)
    except CheckpointError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error) as error:
        raise CheckpointError("the pickle is damaged or incomplete") from error
    return machine.result(), stream.tell()


class _Stream:
    """A binary file over memory; a read copies what there is, however much was asked for."""

    def __init__(self, buffer: memoryview, start: int) -> None:
        self._buffer, self._place = buffer, start

    def read(self, size: int) -> bytes:
        piece = bytes(self._buffer[self._place : self._place + size])
        self._place += len(piece)
        return piece

    def readline(self) -> bytes:
        end = bytes(self._buffer[self._place : self._place + _LONGEST_LINE]).find(b"\n")
        return self.read(end + 1 if end >= 0 else _LONGEST_LINE)

    def tell(self) -> int:
        return self._place


class _Machine:
    """The stack machine; each method below runs one instruction."""

    def __init__(
        self,
        classes: Container[str],
        functions: Mapping[str, Callable[..., Any]],
        persistent: Callable[[Any], Any] | None,
    ) -> None:
        self.classes, self.functions, self.persistent = classes, functions, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.steps = 0

    def result(self) -> Any:
        if len(self.stack) != 1:
            raise CheckpointError("the pickle is damaged or incomplete")
        return self.stack[0]

    def step(self, name: str, argument: Any) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise CheckpointError(f"the pickle has more than {_MOST_STEPS} steps")
        if name in _IGNORED:
            return
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self._name(*argument.split(" ", 1))
        elif name in _INSTRUCTIONS:
            getattr(self, f"_{name.lower()}")()
        else:
            raise CheckpointError(f"the pickle contains the instruction {name}, which no plain value needs")

    def _memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _mark(self) -> None:
        self.marks.append(len(self.stack))

    def _pop(self) -> None:
        self.stack.pop()

    def _pop_mark(self) -> None:
        self._cut()

    def _cut(self) -> list[Any]:
        """Remove and return everything above the last mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _tuple(self) -> None:
        self.stack.append(tuple(self._cut()))

    def _tuple1(self) -> None:
        self._pack(1)

    def _tuple2(self) -> None:
        self._pack(2)

    def _tuple3(self) -> None:
        self._pack(3)

    def _pack(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise CheckpointError("the pickle is damaged or incomplete")
        self.stack[-count:] = [items]

    def _frozenset(self) -> None:
        self.stack.append(frozenset(_scalars(self._cut())))

    def _append(self) -> None:
        item = self.stack.pop()
        _expect(self.stack[-1], list).append(item)

    def _appends(self) -> None:
        items = self._cut()
        _expect(self.stack[-1], list).extend(items)

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _fill(_expect(self.stack[-1], dict), [key, value])

    def _setitems(self) -> None:
        items = self._cut()
        _fill(_expect(self.stack[-1], dict), items)

    def _additems(self) -> None:
        items = self._cut()
        _expect(self.stack[-1], set).update(_scalars(items))

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(_expect(module, str), _expect(name, str))

    def _name(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full in self.functions:
            self.stack.append(_Function(full, self.functions[full]))
        elif full in self.classes:
            self.stack.append(ClassName(full))
        else:
            raise CheckpointError(f"it refers to {ascii(full)[1:-1][:80]}, which no known model needs")

    def _reduce(self) -> None:
        arguments, called = _expect(self.stack.pop(), tuple), self.stack.pop()
        if isinstance(called, _Function):
            self.stack.append(called.call(*arguments))
        else:
            self.stack.append(Record(_expect(called, ClassName), arguments))

    def _newobj(self) -> None:
        arguments, made = _expect(self.stack.pop(), tuple), self.stack.pop()
        self.stack.append(Record(_expect(made, ClassName), arguments))

    def _newobj_ex(self) -> None:
        keywords, arguments = _expect(self.stack.pop(), dict), _expect(self.stack.pop(), tuple)
        self.stack.append(Record(_expect(self.stack.pop(), ClassName), arguments, keywords))

    def _build(self) -> None:
        state = self.stack.pop()
        if type(self.stack[-1]) is not dict:  # of an ordered dictionary: attributes such as _metadata, not needed
            _expect(self.stack[-1], Record).state = state

    def _binpersid(self) -> None:
        if self.persistent is None:
            raise CheckpointError("the pickle refers to storages outside itself")
        self.stack.append(self.persistent(self.stack.pop()))


def _expect(value: Any, kind: type) -> Any:
    """Return a value if it is exactly of a type."""
    if type(value) is not kind:
        raise CheckpointError("the pickle uses a value as what it is not")
    return value


def _scalars(values: Iterable[Any]) -> list[Any]:
    """Return values that may be keys: the hash of nested tuples could take forever."""
    values = list(values)
    if not all(isinstance(value, _SCALARS) for value in values):
        raise CheckpointError("the pickle has a key that is neither text nor a number")
    return values


def _fill(target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise CheckpointError("the pickle is damaged or incomplete")
    target.update(zip(_scalars(items[::2]), items[1::2], strict=True))
    return target


def _ordered_dict(items: Any = ()) -> dict[Any, Any]:
    return _fill({}, [part for pair in _sequence(items) for part in _sequence(pair)])


def _set(items: Any = ()) -> set[Any]:
    return set(_scalars(_sequence(items)))


def _frozen_set(items: Any = ()) -> frozenset[Any]:
    return frozenset(_scalars(_sequence(items)))


def _sequence(items: Any) -> Any:
    return items if type(items) is tuple else _expect(items, list)


def _encode(text: Any, encoding: Any) -> bytes:
    """Return bytes, which protocols before 3 store as text of the code points 0 to 255."""
    if encoding not in ("latin1", "latin-1"):
        raise CheckpointError("the pickle encodes bytes in an unknown way")
    encoded: bytes = _expect(text, str).encode("latin1")
    return encoded


def _empty_bytes() -> bytes:
    return b""


def _fraction(*parts: Any) -> Fraction:
    text = "/".join(str(part) if type(part) is int else _expect(part, str) for part in parts)
    numbers = text.removeprefix("-").split("/")
    if not 1 <= len(numbers) <= 2 or not all(part.isdecimal() and len(part) <= _MOST_DIGITS for part in numbers):
        raise CheckpointError("the pickle has an invalid fraction")
    try:
        return Fraction(text)
    except ZeroDivisionError as error:
        raise CheckpointError("the pickle has an invalid fraction") from error


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_codecs.encode": _encode,
    "collections.OrderedDict": _ordered_dict,
    "fractions.Fraction": _fraction,
    "__builtin__.bytes": _empty_bytes,
    "__builtin__.frozenset": _frozen_set,
    "__builtin__.set": _set,
    "builtins.bytes": _empty_bytes,
    "builtins.frozenset": _frozen_set,
    "builtins.set": _set,
}
_IGNORED = {"PROTO", "FRAME", "STOP"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": set}
# what protocols 2 to 5 need; torch writes protocol 2
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_INSTRUCTIONS = {
    *("MARK", "POP", "POP_MARK", "MEMOIZE"),
    *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET"),
    *("APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS"),
    *("STACK_GLOBAL", "REDUCE", "NEWOBJ", "NEWOBJ_EX", "BUILD", "BINPERSID"),
}
