"""What is wrong with a data set, found before hours of training are spent on it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from partita.data.measure import Track, measure_song
from partita.data.songs import Song, scan_root
from partita.errors import ConfigError, PartitaError

__all__ = ["Problem", "SongReport", "check_data"]

_SILENCE = 1e-4  # peak: -80 dB, above the dither of a silent file
_LOSSY = frozenset({".m4a", ".mp3", ".mp4", ".ogg", ".opus"})
_LOSSY_LENGTH_TOLERANCE = 0.1  # seconds, since encoders pad
# Highest level of (mixture - sum of stems) under the mixture, dB. Rounding to 16 bits makes some -70, coding every
# stem on its own -14 (AAC, 64 kbit/s), -20 (Vorbis, quality 3) to -34 (AAC, 256 kbit/s).
_SUM_TOLERANCE = -40.0
_LOSSY_SUM_TOLERANCE = -15.0


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a song.

    Attributes:
        kind: ``ambiguous``, ``unreadable``, ``damaged``, ``length``, ``sample-rate``, ``channels``, ``silent``,
            ``clipped``, ``duplicate`` or ``sum``.
        message: What it is, to a reader who knows which song is spoken of.
    """

    kind: str
    message: str


@dataclass(frozen=True)
class SongReport:
    """What was found in a song.

    Attributes:
        path: Its folder or file.
        tracks: Each stem that could be read to its end, and the ``mixture``.
        unreadable: Names of the others.
        mixture_error: Energy of (mixture - sum of the stems) in dB of the mixture's, where both are known.
        problems: What is wrong; empty for a good song.
    """

    path: Path
    tracks: dict[str, Track] = field(default_factory=dict)
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
    """Read every song of folders once and say what is wrong with each.

    Songs are read block by block, so that memory does not grow with their length.

    Args:
        roots: Folders of songs, as for :func:`partita.data.find_songs`.
        sources: Names of the stems; by default all there are.
        jobs: Threads, since decoders let others run; one a processor by default.
        progress: Called with the number of songs done and of all, after each.

    Returns:
        A report for each song, sorted by path.

    Raises:
        AudioError: A folder does not exist, or holds no songs.
        ConfigError: A manifest makes no sense.
    """
    entries = [entry for root in roots for entry in scan_root(root, sources)]
    reports: list[SongReport] = []
    pool = ThreadPoolExecutor(jobs or os.cpu_count())
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
    problems += _judge(measured.tracks, lossy)
    error = measured.mixture_error
    if error is not None and error > (_LOSSY_SUM_TOLERANCE if lossy else _SUM_TOLERANCE):
        stems = ", ".join(song.stems)
        problems.append(
            Problem("sum", f"mixture is not the sum of {stems}: their difference has {error:.0f} dB of its level")
        )
    return SongReport(path, measured.tracks, tuple(measured.faults), error, tuple(problems))


def _judge(tracks: Mapping[str, Track], lossy: bool) -> Iterator[Problem]:
    """Yield what is wrong with the tracks of one song."""
    rates = {name: track.sample_rate for name, track in tracks.items()}
    channels = {name: track.channels for name, track in tracks.items()}
    samples = {name: track.samples for name, track in tracks.items()}
    yield from _unequal("sample-rate", rates, "Hz")
    yield from _unequal("channels", channels, "channels")
    if len(set(rates.values())) == 1:
        yield from _unequal("length", samples, "samples", _LOSSY_LENGTH_TOLERANCE * max(rates.values()) if lossy else 0)
    first: dict[str, str] = {}
    for name, track in tracks.items():
        for warning in track.warnings:
            yield Problem("damaged", warning)
        if track.peak < _SILENCE:
            yield Problem("silent", f"{name} is silent")
        if track.clipped:
            places = "place" if track.clipped == 1 else "places"
            yield Problem("clipped", f"{name} clips in {track.clipped} {places}")
        if name != "mixture" and track.peak >= _SILENCE and (other := first.setdefault(track.digest, name)) != name:
            yield Problem("duplicate", f"{other} and {name} are the same audio")


def _repeated_audio(reports: Sequence[SongReport]) -> Iterator[tuple[Path, Problem]]:
    """Yield which songs hold stems that stand in an earlier song, too."""
    first: dict[str, Path] = {}
    for report in reports:
        repeats: dict[Path, list[str]] = {}
        for name, track in report.tracks.items():
            if track.peak >= _SILENCE and (owner := first.setdefault(track.digest, report.path)) != report.path:
                repeats.setdefault(owner, []).append(name)
        for owner, names in repeats.items():
            are = "is" if len(names) == 1 else "are"
            yield report.path, Problem("duplicate", f"{', '.join(names)} {are} the same audio as in {owner}")


def _unusual_formats(reports: Sequence[SongReport]) -> Iterator[tuple[Path, Problem]]:
    """Yield which songs have another sample rate or number of channels than most."""
    for kind, unit, attribute in (("sample-rate", "Hz", "sample_rate"), ("channels", "channels", "channels")):
        values = {}
        for report in reports:
            of_song = {getattr(track, attribute) for track in report.tracks.values()}
            if len(of_song) == 1:
                values[report.path] = of_song.pop()
        usual = _usual(values.values())
        for path, value in values.items():
            if value != usual:
                yield path, Problem(kind, f"has {value} {unit}, most songs have {usual}")


def _unequal(kind: str, values: Mapping[str, int], unit: str, tolerance: float = 0) -> Iterator[Problem]:
    usual = _usual(values.values())
    odd = [f"{name} has {value}" for name, value in values.items() if abs(value - usual) > tolerance]
    if odd:
        yield Problem(kind, f"{', '.join(odd)} {unit}, the others have {usual}")


def _usual(values: Iterable[int]) -> int:
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], value), default=0)
