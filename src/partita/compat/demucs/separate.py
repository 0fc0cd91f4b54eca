"""The command of demucs, as ``demucs.separate``; it needs no torch for models that are installed."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from partita.audio.encode import compression_of
from partita.compat.demucs.repo import LocalRepo, Stems, find, longest_segment, signatures
from partita.compat.demucs.tracks import read_track, write_track
from partita.errors import AudioError, ConfigError, OutputError
from partita.separation import Separator
from partita.zoo import Bag, Package
from partita.zoo.registry import known_names

__all__ = ["get_parser", "main", "run"]

Array = npt.NDArray[np.float32]
Obtain = Callable[[str, Stems], Package | Bag]


def main(opts: Sequence[str] | None = None) -> None:
    """Separate tracks as the command line of demucs says.

    Args:
        opts: The options and tracks; by default those of the program.

    Raises:
        SystemExit: The options are invalid (2), some tracks failed (1), or only the models were listed (0).
        ConfigError: The value of an option is invalid.
        ModelError: There is no such model, or it cannot be read.
    """
    failed = run(opts)
    if failed:
        sys.exit(1)


def run(opts: Sequence[str] | None = None, *, prog: str = "demucs", obtain: Obtain | None = None) -> int:
    """Separate tracks, like :func:`main`.

    Args:
        opts: As of :func:`main`.
        prog: Name of the program in the help.
        obtain: Returns a published or installed model, of which some stems are wanted; by default :func:`find`.

    Returns:
        The number of tracks that failed; each was reported on standard error.

    Raises:
        SystemExit: The options are invalid, or only the help was printed.
        ConfigError: As of :func:`main`.
        ModelError: As of :func:`main`.
    """
    parser = get_parser(prog)
    args = parser.parse_args(opts)
    if args.list_models:
        _list_models(args.repo)
        return 0
    if not args.tracks:
        parser.error("the following arguments are required: tracks")
    name = args.sig or args.name
    model = find(name, args.repo) if args.repo or not obtain else obtain(name, lambda sources: _wanted(args, sources))
    wanted = _wanted(args, model.sources if isinstance(model, Bag) else model.card.sources)
    longest = longest_segment(model)
    if args.segment is not None and args.segment > longest:
        raise ConfigError(f"--segment: this model accepts at most {longest:g} s, not {args.segment} s")
    separator = _Tracks(args, model, wanted)
    out = args.out / Path(name).name
    _say(f"Separated tracks will be stored in {out.resolve()}")
    failed = 0
    for track in args.tracks:
        _say(f"Separating track {track}")
        try:
            separator.separate(track, out)
        except (AudioError, OutputError) as error:
            sys.stderr.write(f"{error}\n")
            failed += 1
    return failed


def get_parser(prog: str = "demucs") -> ArgumentParser:
    """Return the parser of the command line.

    Args:
        prog: Name of the program in the help.
    """
    parser = ArgumentParser(prog, description="Separate tracks into their stems.")
    parser.add_argument("tracks", nargs="*", type=Path, default=[], help="Audio or video files.")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-s", "--sig", help="Signature of a model.")
    group.add_argument("-n", "--name", default="htdemucs", help="Name or signature of a model (default: htdemucs).")
    parser.add_argument("--repo", type=Path, help="Folder of .th files and bags in which the model is looked up.")
    parser.add_argument("--list-models", action="store_true", help="List the models and exit.")
    parser.add_argument("-v", "--verbose", action="store_true", help="Has no effect.")
    parser.add_argument("-o", "--out", type=Path, default=Path("separated"), help="Output folder (default: separated).")
    parser.add_argument(
        "--filename",
        default="{track}/{stem}.{ext}",
        help="Path of a stem in OUT/MODEL: {track} {trackext} {stem} {ext} (default: {track}/{stem}.{ext}).",
    )
    parser.add_argument("-d", "--device", help="cpu, cuda, mps, ... (default: the fastest for ONNX Runtime).")
    parser.add_argument("--shifts", type=int, default=1, help="Number of passes to average (default: 1).")
    parser.add_argument("--overlap", type=float, default=0.25, help="Overlap of the windows (default: 0.25).")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--no-split", action="store_false", dest="split", help="Process a track as one window.")
    group.add_argument("--segment", type=int, help="Length of a window in seconds (default: the model's).")
    parser.add_argument("--two-stems", dest="stem", metavar="STEM", help="Only write STEM and no_STEM.")
    parser.add_argument(
        "--other-method",
        choices=["none", "add", "minus"],
        default="add",
        help="no_STEM is the sum of the other stems (add, the default), minus_STEM the track minus STEM (minus).",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--int24", action="store_true", help="Write 24 bits.")
    group.add_argument("--float32", action="store_true", help="Write 32-bit floats, 24 bits for flac.")
    parser.add_argument(
        "--clip-mode",
        choices=["rescale", "clamp", "none"],
        default="rescale",
        help="Attenuate a stem whose peak exceeds full scale (rescale, the default), or limit it (clamp).",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--flac", action="store_true", help="Write flac.")
    group.add_argument("--mp3", action="store_true", help="Write mp3.")
    parser.add_argument("--mp3-bitrate", type=int, default=320, help="Bit rate of mp3 in kbit/s (default: 320).")
    parser.add_argument("--mp3-preset", type=int, choices=range(2, 8), default=2, help="Has no effect.")
    parser.add_argument("-j", "--jobs", type=int, default=0, help="Has no effect: all cores are used.")
    return parser


class _Tracks:
    """The separation of tracks with the options of a command line."""

    def __init__(self, args: Namespace, model: Package | Bag, wanted: tuple[str, ...]) -> None:
        self._args = args
        self._model = model
        self._wanted = wanted
        self._separator = self._open(args.segment)
        self._file(args.tracks[0], wanted[0])  # what is wrong with an option is reported before the work starts
        if args.mp3:
            card = self._separator.card
            compression_of("mp3", card.sample_rate, card.audio_channels, args.mp3_bitrate, None)

    def separate(self, track: Path, out: Path) -> None:
        """Separate a track and write its stems."""
        card, args = self._separator.card, self._args
        mixture = read_track(track, sample_rate=card.sample_rate, channels=card.audio_channels)
        if not mixture.shape[1]:
            raise AudioError(f"{track}: contains no samples")
        separator = self._separator
        if not args.split:
            separator = self._open(mixture.shape[1] / card.sample_rate)
        stems = separator.separate(mixture, card.sample_rate, stems=self._wanted)
        for name, samples in _outputs(args, mixture, {name: stems[name] for name in self._wanted}):
            write_track(
                samples,
                out / self._file(track, name),
                card.sample_rate,
                bits="32f" if args.float32 else "24" if args.int24 else "16",
                bitrate=args.mp3_bitrate,
                clip=args.clip_mode,
            )

    def _file(self, track: Path, stem: str) -> str:
        name, _, suffix = track.name.rpartition(".")
        extension = "mp3" if self._args.mp3 else "flac" if self._args.flac else "wav"
        try:
            path: str = self._args.filename.format(track=name or suffix, trackext=suffix, stem=stem, ext=extension)
        except (LookupError, ValueError) as error:
            raise ConfigError(f"--filename: {self._args.filename!r} is invalid: {error}") from error
        return path

    def _open(self, segment: float | None) -> Separator:
        args = self._args
        return Separator(
            self._model,
            backend="onnx" if args.device in (None, "cpu") else "torch",
            device=args.device,
            segment=segment,
            overlap=args.overlap,
            shifts=args.shifts,
        )


def _wanted(args: Namespace, sources: tuple[str, ...]) -> tuple[str, ...]:
    """Return the stems that have to be separated."""
    if args.stem is None:
        return sources
    if args.stem not in sources:
        raise ConfigError(f"--two-stems: {args.stem!r} is not one of {', '.join(sources)}")
    return sources if args.other_method == "add" else (args.stem,)


def _outputs(args: Namespace, mixture: Array, stems: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """Yield the name and the samples of each file."""
    if args.stem is None:
        yield from stems.items()
        return
    yield args.stem, stems[args.stem]
    if args.other_method == "minus":
        yield f"minus_{args.stem}", mixture - stems[args.stem]
    if args.other_method == "add":
        others = [samples for name, samples in stems.items() if name != args.stem]
        yield f"no_{args.stem}", sum(others, np.zeros_like(mixture))


def _list_models(repo: Path | None) -> None:
    local = LocalRepo(repo) if repo else None
    _say("\n    ".join(["Bag of models:", *(local.bags if local else known_names())]))
    _say("\n    ".join(["Single models:", *(local.models if local else signatures())]))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
