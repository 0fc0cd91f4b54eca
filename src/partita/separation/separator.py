"""The Separator: a mixture in, stems out, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from threading import Event, Lock
from typing import Unpack

import numpy as np
import numpy.typing as npt

from partita.audio import Limits, SourceLike, nearest_rate, remix, resample_blocks
from partita.audio.blocks import copies, interleaved
from partita.audio.level import is_silent
from partita.audio.limits import checked_rate
from partita.errors import AudioError, ConfigError
from partita.options import BackendName, Quality
from partita.separation.backends import choose_device
from partita.separation.blocks import Block, CancelToken, Clock, Progress, Stems, sources_of
from partita.separation.jobs import Job, OutputFields, OutputOptions, Result, plan_jobs
from partita.separation.loaded import LoadedModel, weighted_sum
from partita.separation.mixture import Mixture, open_mixture
from partita.separation.options import SeparatorOptions
from partita.separation.output import Encoding, UnfinishedFiles, Written, collect_lanes
from partita.separation.tape import Tape
from partita.zoo import Bag, Card, Package, find_model

__all__ = ["Separator", "UnfinishedJob"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class UnfinishedJob:
    """A separated track whose files are not complete; made by :meth:`Separator.begin`."""

    _files: UnfinishedFiles
    _result: Callable[[Written], Result]

    def finish(self, stop: Event | None = None) -> Result:
        """Complete the files; call it once, in any thread.

        Args:
            stop: If it is set before all samples are encoded, no file is written.

        Raises:
            OutputError: A file cannot be written.
            Cancelled: ``stop`` was set.
        """
        return self._result(self._files.finish(stop))


class Separator:
    """A model, or a bag of models, that separates any number of tracks.

    A model is loaded at once, a model of a bag when a stem first needs it. The models of a bag run over a track side by
    side, a few windows each in turn. A pickled separator loads its models again when it is unpickled.

    Args:
        model: Name of a model, folder of a model package, or the package or the bag itself.
        backend: ``onnx`` or ``torch``.
        quality: Preset of ``overlap`` and ``shifts``: ``fast``, ``balanced`` or ``best``.
        segment: Length of a window in seconds, up to 86400; the model's by default.
        overlap: Fraction of a window that the next one covers too, in [0, 1); by default that of ``quality``.
        shifts: Number of passes to average, up to 100, each delayed a little more, up to half a second; 0 and 1 are
            a single pass. By default that of ``quality``. The delays are fixed, so that the same input gives the same
            stems (paper, section 4.4).
        device: ``cpu``, ``cuda``, ...; the fastest available by default.
        batch_size: Windows that are computed at once; by default what suits the model.
        threads: Number of threads on the CPU; by default the cores that this process may use.
        limits: Sample rates, channels and duration of the files that are accepted; by default ``Limits()``.

    Attributes:
        card: The model's card, or the bag.
        device: Where the models run.
        warnings: What the user should know of the options, one sentence each; every :class:`Result` has them too.

    Raises:
        ModelError: There is no such model, or it cannot be loaded. A model of a bag is checked when a stem needs it.
        ConfigError: An option is invalid.
    """

    def __init__(
        self,
        model: str | PathLike[str] | Package | Bag = "default",
        *,
        backend: BackendName = "onnx",
        quality: Quality = "balanced",
        segment: float | None = None,
        overlap: float | None = None,
        shifts: int | None = None,
        device: str | None = None,
        batch_size: int | None = None,
        threads: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._model = model if isinstance(model, Package | Bag) else find_model(_as_name(model))
        self._options = SeparatorOptions(
            backend, quality, segment, overlap, shifts, device, batch_size, threads, limits
        )
        self.card: Card | Bag = self._model.card if isinstance(self._model, Package) else self._model
        lengths = self.card.lengths if isinstance(self.card, Card) else None
        unsuited = lengths and segment is not None and lengths.warning(segment)
        self.warnings: tuple[str, ...] = (unsuited,) if unsuited else ()
        self.device = choose_device(backend, device)
        self._loading = Lock()
        self._loaded: dict[str, LoadedModel] = {}
        if isinstance(self._model, Package):
            self._loaded[self.card.name] = self._load(self._model)

    def __reduce__(self) -> tuple[Callable[..., Separator], tuple[Package | Bag, SeparatorOptions]]:
        return _opened, (self._model, self._options)

    def __repr__(self) -> str:
        return f"<Separator {self.card.name!r} on {self.device}: {', '.join(self.sources)}>"

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the stems, in the order of their arrays."""
        return self.card.sources

    def separate(
        self,
        audio: SourceLike,
        sample_rate: int | None = None,
        *,
        stems: Sequence[str] | None = None,
        start: float = 0.0,
        duration: float | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> Stems:
        """Separate one track in memory.

        Args:
            audio: A file (path, bytes or binary file object), samples ``(channels, samples)`` or ``(samples,)``, or a
                :class:`partita.audio.Source`.
            sample_rate: Of samples, in Hz; the model's by default.
            stems: The stems to return; all by default. Of a bag, only the models run that they need.
            start: Seconds to leave out at the beginning.
            duration: Seconds to separate; the rest of the track by default.
            progress: Called with the fraction done and the seconds left (None while unknown).
            cancel: Asked between blocks whether to stop.

        Returns:
            The stems, with the sample rate, length and channels of the track; more than two channels become stereo.

        Raises:
            AudioError: The audio cannot be read.
            ConfigError: The model has no such stem.
            ModelError: A model of a bag cannot be loaded.
            Cancelled: ``cancel`` was set.
        """
        chosen = self._chosen(stems)
        mixture = self.open(audio, sample_rate, start=start, duration=duration)
        shape = (len(chosen), mixture.channels, mixture.samples)
        try:
            arrays = np.zeros(shape, np.float32)
        except MemoryError as error:
            needed = math.prod(shape) * 4 / 2**30
            raise AudioError(
                f"{mixture.name}: its stems need {needed:.1f} GiB of memory; write them to files, or separate a part"
            ) from error
        with closing(self.stream(mixture, stems=chosen, progress=progress, cancel=cancel)) as blocks:
            for block in blocks:
                arrays[..., block.start : block.start + block.stems.shape[-1]] = block.stems
        return Stems(dict(zip(chosen, arrays, strict=True)), mixture.sample_rate)

    def separate_file(
        self,
        path: str | PathLike[str],
        out_dir: str | PathLike[str],
        *,
        start: float = 0.0,
        duration: float | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
        **options: Unpack[OutputFields],
    ) -> dict[str, Path]:
        """Separate a file into files, by default ``OUT_DIR/MODEL/TRACK/STEM.wav``.

        No file appears under its name before all are complete.

        Args:
            path: Any audio or video file.
            out_dir: Where to write.
            start: As in :meth:`separate`, like the next three.
            duration: See there.
            progress: See there.
            cancel: See there.
            **options: Fields of :class:`OutputOptions`.

        Returns:
            The files written, by stem.

        Raises:
            AudioError: The input cannot be read as audio.
            OutputError: An output exists already or cannot be written.
            ConfigError: An option is invalid.
            Cancelled: ``cancel`` was set.
        """
        wanted = OutputOptions(**options)
        source = Path(path)
        (job,) = plan_jobs([(source, Path(source.name))], Path(out_dir), self.card.name, self.sources, wanted)
        mixture = self.open(source, start=start, duration=duration)
        return self.run(job, wanted, mixture, progress=progress, cancel=cancel).outputs

    def run(
        self,
        job: Job,
        options: OutputOptions,
        mixture: Mixture | None = None,
        *,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> Result:
        """Run a job of :func:`partita.separation.plan_jobs`.

        Args:
            job: What to read and where to write.
            options: The options it was planned with.
            mixture: The input as :meth:`open` returns it; opened here by default.
            progress: As in :meth:`separate`.
            cancel: As in :meth:`separate`.

        Raises:
            AudioError: The input cannot be read.
            OutputError: An output exists already or cannot be written.
            Cancelled: ``cancel`` was set.
        """
        return self.begin(job, options, mixture, progress=progress, cancel=cancel).finish()

    def begin(
        self,
        job: Job,
        options: OutputOptions,
        mixture: Mixture | None = None,
        *,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> UnfinishedJob:
        """Separate the input of a job, but leave its files unfinished, so that another thread can finish them.

        The arguments and errors are those of :meth:`run`.
        """
        if not options.overwrite:
            job.refuse_existing()
        mixture = mixture or self.open(job.source)
        wanted = options.sample_rate or mixture.sample_rate
        rate = nearest_rate(options.format, wanted)
        samples = mixture.length_at(rate)
        needed = sources_of(job.outputs, self.sources)
        tags = mixture.tags if options.tags else None
        with closing(self.stream(mixture, stems=needed, output_rate=rate, progress=progress, cancel=cancel)) as blocks:
            files = collect_lanes(
                (block.lanes(needed, job.outputs) for block in blocks),
                list(job.outputs.values()),
                sample_rate=rate,
                channels=mixture.channels,
                samples=samples,
                encoding=Encoding(options.format, options.bits_for(mixture.bits), options.bitrate, options.vbr),
                tags=[tags and tags.with_stem(name) for name in job.outputs],
            )

        def result(written: Written) -> Result:
            warnings = [*self.warnings, *mixture.warnings, *written.warnings]
            if rate != wanted:
                warnings.append(f"{job.source}: written at {rate} Hz, since {options.format} cannot hold {wanted} Hz")
            if options.residual and not mixture.statistics.silent and is_silent(written.power):
                warnings.append(
                    f"{job.source}: the residual is silent, because the stems of this model add up to the mixture"
                )
            return Result(job.outputs, rate, samples / rate, written.gain, warnings)

        return UnfinishedJob(files, result)

    def stream(
        self,
        audio: SourceLike | Mixture,
        sample_rate: int | None = None,
        *,
        stems: Sequence[str] | None = None,
        output_rate: int | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> Generator[Block]:
        """Separate a track in consecutive blocks without gaps, in memory that does not grow with its length.

        The source is read twice: for the mean and deviation of the whole mixture, by which it is normalised, and
        to be separated.

        Args:
            audio: As in :meth:`separate`, or what :meth:`open` returns.
            sample_rate: As in :meth:`separate`.
            stems: As in :meth:`separate`; the blocks have them in this order.
            output_rate: Sample rate of the blocks in Hz; the source's by default.
            progress: As in :meth:`separate`.
            cancel: As in :meth:`separate`.

        Raises:
            AudioError: The audio cannot be read.
            Cancelled: ``cancel`` was set.
        """
        chosen = self._chosen(stems)
        mixture = audio if isinstance(audio, Mixture) else self.open(audio, sample_rate)
        out_rate = mixture.sample_rate if output_rate is None else checked_rate(output_rate, "output_rate")
        total = mixture.length_at(out_rate)
        clock = Clock(total, progress, cancel)
        clock.tick(0)

        # interleaved in memory, as the tapes and the model need them
        read, copy = copies((interleaved(block).T for block in mixture.blocks()), 2)
        kept = Tape(block.T for block in resample_blocks(copy, mixture.sample_rate, out_rate, mixture.channels))
        separated = self._separated(mixture, read, chosen, clock)
        shape = (len(chosen), mixture.channels)
        lanes = (block.reshape(-1, block.shape[-1]) for block in separated)
        position = 0
        for lane in resample_blocks(lanes, self.card.sample_rate, out_rate, shape[0] * shape[1]):
            lane = lane[:, : total - position]
            if lane.shape[1]:
                end = position + lane.shape[1]
                yield Block(position, lane.reshape(*shape, -1), kept.read(position, end).T)
                kept.forget(end)
                position = end
                clock.tick(position)
        if position < total:  # a resampler may stop a sample short
            yield Block(position, np.zeros((*shape, total - position), np.float32), kept.read(position, total).T)
            clock.tick(total)

    def open(
        self,
        audio: SourceLike,
        sample_rate: int | None = None,
        *,
        start: float = 0.0,
        duration: float | None = None,
    ) -> Mixture:
        """Open a track for :meth:`stream` or :meth:`run` without separating it.

        Args:
            audio: As in :meth:`separate`, like the other arguments.
            sample_rate: See there.
            start: See there.
            duration: See there.

        Raises:
            AudioError: The audio cannot be read.
        """
        card = self.card
        return open_mixture(
            audio,
            sample_rate,
            card.audio_channels,
            card.sample_rate,
            start=start,
            duration=duration,
            limits=self._options.limits,
        )

    def _chosen(self, stems: Sequence[str] | None) -> tuple[str, ...]:
        """Return the stems to compute."""
        if isinstance(stems, str):
            raise ConfigError(f"stems: pass a tuple of names, such as ({stems!r},)")
        chosen = self.sources if stems is None else tuple(dict.fromkeys(stems))
        if not chosen:
            raise ConfigError(f"stems: choose at least one of {', '.join(self.sources)}")
        for stem in chosen:
            if stem not in self.sources:
                raise ConfigError(f"stems: the model separates {', '.join(self.sources)}, not {stem!r}")
        return chosen

    def _separated(
        self, mixture: Mixture, blocks: Iterator[Array], stems: tuple[str, ...], clock: Clock
    ) -> Iterator[Array]:
        """Yield stems ``(sources, channels, any)`` at the model's sample rate, at the level of the mixture."""
        samples = resample_blocks(blocks, mixture.sample_rate, self.card.sample_rate, mixture.channels)
        if mixture.statistics.silent:
            for block in samples:
                yield np.zeros((len(stems), mixture.channels, block.shape[1]), np.float32)
            return
        rows = (remix(block, self.card.audio_channels).T for block in samples)
        indices = [self.sources.index(stem) for stem in stems]
        models = self._models(stems)

        def wanted(model: LoadedModel, copy: Iterator[Array]) -> Generator[Array]:
            for block in model.separate(clock.checked(copy), mixture.statistics):
                yield block[indices]

        with ExitStack() as stack:
            tracks = [
                stack.enter_context(closing(wanted(model, copy)))
                for (model, _), copy in zip(models, copies(rows, len(models)), strict=True)
            ]
            for block in weighted_sum(tracks, [[weights[index] for index in indices] for _, weights in models]):
                yield block if block.shape[1] == mixture.channels else block.mean(1, keepdims=True)

    def _models(self, stems: tuple[str, ...]) -> list[tuple[LoadedModel, Sequence[float]]]:
        """Return the models that have a share of these stems, and their shares of all sources."""
        if isinstance(self._model, Package):
            return [(self._loaded[self.card.name], [1.0] * len(self.sources))]
        members = self._model.needed(stems)
        with self._loading:
            for member in members:
                if member.name not in self._loaded:
                    self._loaded[member.name] = self._load(self._model.open(member))
        return [(self._loaded[member.name], member.weights) for member in members]

    def _load(self, package: Package) -> LoadedModel:
        segment = self.card.segment if self._options.segment is None else self._options.segment
        return LoadedModel(package, replace(self._options, segment=segment, device=self.device))


def _opened(model: Package | Bag, options: SeparatorOptions) -> Separator:
    return Separator(model, **vars(options))


def _as_name(model: str | PathLike[str]) -> str | Path:
    return model if isinstance(model, str) else Path(model)
