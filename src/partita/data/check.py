"""Checking data sets for problems before training on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from partita.data.measure import StemStatistics, measure_song
from partita.data.songs import Song, scan_root
from partita.errors import ConfigError, PartitaError
from partita.system.cores import usable_cores

__all__ = ["Problem", "SongReport", "check_data"]

_LOSSY = frozenset({".m4a", ".mp3", ".mp4", ".ogg", ".opus"})
_LOSSY_LENGTH_TOLERANCE = 0.1  # seconds, since lossy encoders pad
# Highest accepted level of (mixture - sum of the stems) relative to the mixture, in dB. Rounding to 16 bits gives about
# -70 dB. Encoding each stem by itself gives -14 dB (AAC, 64 kbit/s), -20 dB (Vorbis, quality 3) to -34 dB (AAC,
# 256 kbit/s).
_SUM_TOLERANCE = -40.0
_LOSSY_SUM_TOLERANCE = -15.0


@dataclass(frozen=True)
class Problem:
    """A problem of a song.

    Attributes:
        kind: ``ambiguous``, ``unreadable``, ``damaged``, ``length``, ``sample-rate``, ``channels``, ``silent``,
            ``clipped``, ``duplicate`` or ``sum``.
        message: Description of the problem; it does not name the song.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class SongReport:
    """The result of checking a song.

    Attributes:
        path: The song's folder or ``.stem.mp4`` file.
        stems: Statistics of each stem that could be read to its end, and of the recorded ``mixture``.
        unreadable: Names of the stems that could not be read.
        mixture_error: Energy of (mixture - sum of the stems) relative to the mixture, in dB; ``None`` if there is
            no mixture, or none in the format of all stems.
        problems: The problems found; empty for a good song.
    """

    path: Path
    stems: dict[str, StemStatistics] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    mixture_error: float | None = None
    problems: tuple[Problem, ...] = ()


def check_data(
    roots: Iterable[Path],
    sources: Sequence[str] | None = None,
    *,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[SongReport]:
    """Read every song once and report its problems.

    Problems are unreadable and damaged files, stems that differ in length, sample rate or number of channels, silent
    stems, clipping, duplicate audio, mixtures that are not the sum of their stems, and stems present in two formats.
    A stem is silent if its level (RMS) is at most -95 dB; evaluation uses the same rule (:mod:`partita.audio.level`).

    Songs are read block by block, so memory does not grow with their length.

    Args:
        roots: Folders of songs, as for :func:`partita.data.find_songs`.
        sources: Names of the stems to check (default: all).
        jobs: Number of songs read in parallel (default: one for each core).
        progress: Called after each song with the number of songs done and the number of all songs.

    Returns:
        A report for each song, in the order of ``roots`` and sorted by path within each.

    Raises:
        AudioError: A folder does not exist or holds no songs.
        ConfigError: A manifest is invalid.
    """
    entries = [entry for root in roots for entry in scan_root(root, sources)]
    reports: list[SongReport] = []
    pool = ThreadPoolExecutor(jobs or usable_cores())
    try:
        for report in pool.map(_check_song, *zip(*entries, strict=True)):
            reports.append(report)
            if progress is not None:
                progress(len(reports), len(entries))
    finally:
        pool.shutdown(cancel_futures=True)
    found: dict[Path, list[Problem]] = {report.path: [] for report in reports}
    for path, problem in [*_repeated_audio(reports), *_unusual_formats(reports)]:
        found[path].append(problem)
    return [replace(report, problems=(*report.problems, *found[report.path])) for report in reports]


def _check_song(path: Path, song: Song | PartitaError) -> SongReport:
    if isinstance(song, PartitaError):
        kind = "ambiguous" if isinstance(song, ConfigError) else "unreadable"
        return SongReport(path, problems=(Problem(kind, str(song)),))
    measured = measure_song(song)
    lossy = any(file.suffix.lower() in _LOSSY for name in song.stems for file in song.files(name))
    problems = [Problem("unreadable", str(fault)) for fault in measured.faults.values()]
    problems += _problems_of(measured.stems, lossy)
    error = measured.mixture_error
    if error is not None and error > (_LOSSY_SUM_TOLERANCE if lossy else _SUM_TOLERANCE):
        stems = ", ".join(song.stems)
        problems.append(
            Problem("sum", f"the mixture is not the sum of {stems}: the difference is at {error:.0f} dB of the mixture")
        )
    return SongReport(path, measured.stems, tuple(measured.faults), error, tuple(problems))


def _problems_of(stems: Mapping[str, StemStatistics], lossy: bool) -> Iterator[Problem]:
    """Yield the problems within one song."""
    rates = {name: stem.sample_rate for name, stem in stems.items()}
    channels = {name: stem.channels for name, stem in stems.items()}
    samples = {name: stem.samples for name, stem in stems.items()}
    yield from _unequal("sample-rate", "sample rates", rates, " Hz")
    yield from _unequal("channels", "numbers of channels", channels)
    if len(set(rates.values())) == 1:
        tolerance = _LOSSY_LENGTH_TOLERANCE * max(rates.values()) if lossy else 0
        yield from _unequal("length", "lengths", samples, " samples", tolerance)
    first: dict[str, str] = {}
    for name, stem in stems.items():
        for warning in stem.warnings:
            yield Problem("damaged", warning)
        if stem.silent:
            yield Problem("silent", f"{name} is silent")
        if stem.clipped:
            places = "place" if stem.clipped == 1 else "places"
            yield Problem("clipped", f"{name} clips in {stem.clipped} {places}")
        if name != "mixture" and not stem.silent and (other := first.setdefault(stem.digest, name)) != name:
            yield Problem("duplicate", f"{other} and {name} are the same audio")


def _repeated_audio(reports: Sequence[SongReport]) -> Iterator[tuple[Path, Problem]]:
    """Yield the songs that share stems with an earlier song."""
    first: dict[str, Path] = {}
    for report in reports:
        repeats: dict[Path, list[str]] = {}
        for name, stem in report.stems.items():
            if not stem.silent and (owner := first.setdefault(stem.digest, report.path)) != report.path:
                repeats.setdefault(owner, []).append(name)
        for owner, names in repeats.items():
            are = "is" if len(names) == 1 else "are"
            yield report.path, Problem("duplicate", f"{', '.join(names)} {are} the same audio as in {owner}")


def _unusual_formats(reports: Sequence[SongReport]) -> Iterator[tuple[Path, Problem]]:
    """Yield the songs whose sample rate or number of channels differs from that of most songs."""
    for kind, what, unit, attribute in (
        ("sample-rate", "sample rate", " Hz", "sample_rate"),
        ("channels", "number of channels", "", "channels"),
    ):
        values = {}
        for report in reports:
            of_song = {getattr(stem, attribute) for stem in report.stems.values()}
            if len(of_song) == 1:
                values[report.path] = of_song.pop()
        usual = _usual(values.values())
        for path, value in values.items():
            if value != usual:
                yield path, Problem(kind, f"the {what} is {value}{unit}; most songs have {usual}{unit}")


def _unequal(
    kind: str, what: str, values: Mapping[str, int], unit: str = "", tolerance: float = 0
) -> Iterator[Problem]:
    """Yield a problem if some of a song's stems differ from the most common value by more than the tolerance."""
    usual = _usual(values.values())
    odd = [f"{name} has {value}{unit}" for name, value in values.items() if abs(value - usual) > tolerance]
    if odd:
        yield Problem(kind, f"{what} differ: {', '.join(odd)}, the others have {usual}{unit}")


def _usual(values: Iterable[int]) -> int:
    """Return the most common value, the largest of several; 0 if there are none."""
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], value), default=0)
