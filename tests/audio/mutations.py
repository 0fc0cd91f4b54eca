"""Reads mutated audio files; run by test_mutations.py in a process of its own.

``python mutations.py CORPUS FIRST LAST [PACKAGE]`` makes the mutations FIRST to LAST - 1 of each file in CORPUS and
reads them; with a model package, it separates one in eight and evaluates some of them too. It prints the name and the
number of each mutation before it is read. Any exception that is not a PartitaError ends it, and so does a mutation that
takes too long or too much memory.
"""

from __future__ import annotations

import faulthandler
import random
import resource
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from partita.audio import AudioReader
from partita.errors import PartitaError

TIME = 60  # seconds for one mutation
MEMORY = 2**30  # bytes that mutations may add to the memory of the process
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(content: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return a file with one to four random changes, half of them in its header."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        end = min(len(data), 512) if chance.random() < 0.5 else len(data)
        at = chance.randrange(max(1, end))
        match chance.randrange(8):
            case 0:
                for _ in range(chance.randint(1, 8)):
                    if data:
                        data[chance.randrange(max(1, min(end, len(data))))] ^= 1 << chance.randrange(8)
            case 1:
                size = chance.randint(1, 64)
                data[at : at + size] = chance.randbytes(size)
            case 2:
                size = chance.choice((1, 2, 4, 8))
                number = chance.choice(NUMBERS) & (256**size - 1)
                data[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))
            case 3:
                del data[at:]
            case 4:
                del data[at : at + chance.randint(1, 4096)]
            case 5:
                data[at:at] = data[at : at + chance.randint(1, 4096)] * chance.randint(1, 4)
            case 6:
                data[at:at] = chance.choice((b"\0", b"\xff")) * chance.randint(1, 4096)
            case 7:
                other = chance.choice(others)
                begin = chance.randrange(len(other))
                data[at : at + 1024] = other[begin : begin + 1024]
    return bytes(data)


def mutations(corpus: Path, first: int, last: int) -> Iterator[tuple[str, int, bytes]]:
    """Yield the name of a file, the number of a mutation and its content."""
    contents = {path.name: path.read_bytes() for path in sorted(corpus.iterdir())}
    for name, content in contents.items():
        for number in range(first, last):
            chance = random.Random(f"{name} {number}")
            yield name, number, mutated(content, list(contents.values()), chance)


def read(path: Path) -> None:
    """Read a file as a whole."""
    for channels in (None, 2):
        message = str(path)
        try:
            reader = AudioReader(path, channels)
            _ = reader.tags
            for block in reader.blocks():
                assert block.dtype == np.float32
                assert np.isfinite(block).all()
        except PartitaError as error:
            message = str(error)
        assert str(path) in message
        assert "\n" not in message


def main() -> None:
    """Read the mutations, see above."""
    corpus, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    package = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    warnings.simplefilter("error")
    av.logging.set_level(None)
    separator = None
    if package is not None:
        from partita.evaluation import evaluate_folders
        from partita.separation import Separator

        separator = Separator(package, threads=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * MEMORY, used + 2 * MEMORY))
    with tempfile.TemporaryDirectory() as scratch:
        songs = Path(scratch, "songs")
        for name, number, content in mutations(corpus, first, last):
            print(name, number, flush=True)  # noqa: T201
            path = Path(scratch, f"song{Path(name).suffix}")
            path.write_bytes(content)
            faulthandler.dump_traceback_later(TIME, exit=True)
            read(path)
            if separator is not None and number % 8 == 0:
                try:
                    for block in separator.stream(separator.open(path, duration=10)):
                        assert np.isfinite(block.stems).all()
                    separator.separate(content, duration=1)
                except PartitaError:
                    pass
                song = songs / f"{name} {number}"
                song.mkdir(parents=True)
                shutil.copy(path, song / f"drums{path.suffix}")
            faulthandler.cancel_dump_traceback_later()
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
            assert memory < MEMORY, f"{memory / 2**20:.0f} MiB"
        if separator is not None:
            print("evaluation", flush=True)  # noqa: T201
            faulthandler.dump_traceback_later(TIME * 5, exit=True)
            try:
                (run,) = evaluate_folders(songs, [songs])
            except PartitaError:
                return
            assert run.songs or run.failures


if __name__ == "__main__":
    main()
