"""Stems written to files: one gain for all of them, and all of them or none.

The samples of a track are collected first; its files are finished when its peak, and so the gain, is known.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
import numpy.typing as npt

from partita.audio import AudioWriter, Spool, Tags
from partita.audio.blocks import interleaved
from partita.errors import Cancelled, OutputError
from partita.system.atomic import atomic_set, existing_ancestor
from partita.system.cores import usable_cores

__all__ = ["Encoding", "UnfinishedFiles", "Written", "collect_lanes", "write_lanes"]

Array = npt.NDArray[np.float32]

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Encoding:
    """How files are encoded; the arguments of :class:`partita.audio.AudioWriter`.

    Attributes:
        format: wav, flac, mp3, ogg or opus.
        bits: ``16``, ``24`` or ``32f``.
        bitrate: kbit/s, of mp3 and opus.
        vbr: Quality of a variable bit rate, of mp3 (0 to 9) and ogg (0 to 10).
    """

    format: str = "wav"
    bits: str = "16"
    bitrate: int | None = None
    vbr: float | None = None


@dataclass(frozen=True)
class Written:
    """What is to be known of some written files.

    Attributes:
        gain: Applied to all of them; 1 if levels are unchanged.
        power: Mean square of the last file before the gain and without its constant offset, full scale being 1.
        warnings: What the user should know, one sentence each.
    """

    gain: float
    power: float
    warnings: tuple[str, ...]


class UnfinishedFiles:
    """Collected samples whose files are not complete; made by :func:`collect_lanes`.

    Args:
        stack: Closes everything that is open.
        writers: Of the files.
        spools: The samples of each file; ``None`` if they are written already.
        threads: Number of threads that encode.
        gain: Applied to all samples.
        power: See :class:`Written`.
    """

    def __init__(
        self,
        stack: ExitStack,
        writers: Sequence[AudioWriter],
        spools: Sequence[Spool] | None,
        threads: int,
        gain: float,
        power: float,
    ) -> None:
        self._stack = stack
        self._writers = writers
        self._spools = spools
        self._threads = threads
        self._gain = gain
        self._power = power

    def finish(self, stop: Event | None = None) -> Written:
        """Encode the files and give them their names; call it once, in any thread.

        Args:
            stop: If it is set before all samples are encoded, no file is written.

        Raises:
            OutputError: A file cannot be written.
            Cancelled: ``stop`` was set.
        """
        with self._stack:
            if self._spools is not None:
                _encode(self._spools, self._writers, self._gain, self._threads, stop or Event())
        warnings = tuple(text for writer in self._writers for text in writer.warnings)  # complete once it is closed
        return Written(self._gain, self._power, warnings)


def collect_lanes(
    blocks: Iterator[Sequence[Array]],
    paths: Sequence[Path],
    *,
    sample_rate: int,
    channels: int,
    samples: int,
    encoding: Encoding,
    tags: Sequence[Tags | None],
) -> UnfinishedFiles:
    """Collect the samples of one file a lane on disk; the files are complete after :meth:`UnfinishedFiles.finish`.

    Integer and lossy formats clip beyond full scale. If any lane goes beyond it, all are attenuated by the same gain,
    so that they keep their balance. 32-bit floats are never attenuated, so they are written at once. The files appear
    together or not at all.

    Args:
        blocks: Consecutive samples of each lane, ``(channels, any)``.
        paths: Where each lane goes.
        sample_rate: Hz.
        channels: Number of channels of each lane.
        samples: Length of each lane.
        encoding: Of all files.
        tags: Of each file.

    Raises:
        OutputError: A file cannot be written.
    """
    with ExitStack() as stack:
        temporaries = stack.enter_context(atomic_set(paths))
        writers = [
            stack.enter_context(
                AudioWriter(
                    path,
                    sample_rate,
                    channels,
                    samples,
                    format=encoding.format,
                    bits=encoding.bits,
                    bitrate=encoding.bitrate,
                    quality=encoding.vbr,
                    temporary=temporary,
                    tags=tag,
                    seed=seed,  # dithers that differ do not add up
                )
            )
            for seed, (path, temporary, tag) in enumerate(zip(paths, temporaries, tags, strict=True))
        ]
        spools: list[Spool] = []
        if encoding.bits != "32f":
            folder = existing_ancestor(paths[0].parent)
            _refuse_small_disk(folder, len(paths) * channels * samples * _FLOAT_BYTES)
            spools = [stack.enter_context(Spool(channels, folder)) for _ in paths]
        meter = _Meter()
        # wav is cheap to encode, so this is done while the model computes; most tracks need no gain
        written = not spools or encoding.format == "wav"
        for block in blocks:
            lanes = [interleaved(lane).T for lane in block]
            meter.read(lanes)
            if written and spools and meter.peak > 1:
                written = False
                for writer in writers:
                    writer.restart()
            for spool, lane in zip(spools, lanes, strict=False):  # none for floats
                spool.write(lane)
            for writer, lane in zip(writers if written else (), lanes, strict=False):
                writer.write(lane)
        gain = 1.0 / meter.peak if spools and meter.peak > 1 else 1.0
        # Python's global lock makes two threads no faster than one where there is little to compute
        threads = 1 if encoding.format == "wav" else usable_cores()
        return UnfinishedFiles(stack.pop_all(), writers, None if written else spools, threads, gain, meter.power)


def write_lanes(
    blocks: Iterator[Sequence[Array]],
    paths: Sequence[Path],
    *,
    sample_rate: int,
    channels: int,
    samples: int,
    encoding: Encoding,
    tags: Sequence[Tags | None],
) -> Written:
    """Write one file a lane, with the arguments of :func:`collect_lanes`; none appears before all are complete.

    Raises:
        OutputError: A file cannot be written.
    """
    return collect_lanes(
        blocks, paths, sample_rate=sample_rate, channels=channels, samples=samples, encoding=encoding, tags=tags
    ).finish()


def _encode(spools: Sequence[Spool], writers: Sequence[AudioWriter], gain: float, threads: int, stop: Event) -> None:
    failed = Event()

    def encode(spool: Spool, writer: AudioWriter) -> None:
        for block in spool.blocks():
            if stop.is_set():
                raise Cancelled("the caller stopped the separation")
            if failed.is_set():
                return
            writer.write(block * np.float32(gain) if gain != 1 else block)

    with ThreadPoolExecutor(threads) as pool:
        try:
            list(pool.map(encode, spools, writers))
        except BaseException:  # Ctrl-C does not wait for the end of the track
            failed.set()
            raise


class _Meter:
    """Measures the peak of all lanes and the power of the last one.

    Attributes:
        peak: Largest magnitude so far.
    """

    def __init__(self) -> None:
        self.peak = 0.0
        self._sum = self._squares = 0.0
        self._values = 0

    def read(self, lanes: Sequence[Array]) -> None:
        """Measure the next block."""
        for lane in lanes:
            self.peak = max(self.peak, float(lane.max(initial=0)), -float(lane.min(initial=0)))
        self._sum += float(lane.sum())
        self._squares += float(np.einsum("cs,cs->", lane, lane))
        self._values += lane.size

    @property
    def power(self) -> float:
        values = max(1, self._values)
        return self._squares / values - (self._sum / values) ** 2


def _refuse_small_disk(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed:
        raise OutputError(
            f"{folder}: the disk is full; separating needs {needed / 2**20:.0f} MiB for temporary files, so free some "
            "space or choose another folder"
        )
