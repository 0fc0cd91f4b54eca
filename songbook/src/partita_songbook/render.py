"""Rendering songs to disk, by several processes, in the layout of a data set of stems; runs can be resumed."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path

from partita.audio import AudioWriter
from partita.errors import AudioError, OutputError
from partita.system.allocator import keep_freed_memory
from partita.system.atomic import atomic_path
from partita_songbook.arrange import arrange
from partita_songbook.effects import RATE
from partita_songbook.library import Library
from partita_songbook.song import RenderedSong
from partita_songbook.styles.stems import complete

__all__ = ["render_songs", "render_stems", "write_song"]


def write_song(song: RenderedSong, folder: Path) -> None:
    """Write a song's stems (FLAC, 16 bits with dither) and ``card.json``.

    Args:
        song: The song.
        folder: A new folder, which appears when it is complete.

    Raises:
        OutputError: The folder exists or cannot be written.
    """
    with atomic_path(folder) as partial:
        partial.mkdir()
        (partial / "card.json").write_text(json.dumps(song.card, indent=1) + "\n", encoding="utf-8")
        try:
            for seed, (stem, audio) in enumerate(song.stems.items()):
                path = partial / f"{stem}.flac"
                with AudioWriter(path, RATE, len(audio), audio.shape[-1], format="flac", seed=seed) as file:
                    file.write(audio)
        except OutputError as error:  # names the temporary folder
            raise OutputError(str(error).replace(str(partial), str(folder))) from error


def render_songs(
    library: Library, output: Path, songs: range, seed: int, *, seconds: float | None = None, jobs: int = 1
) -> Iterator[Path | AudioError]:
    """Render songs of a seed as folders ``song-SEED-INDEX``; existing ones are kept.

    Args:
        library: The material.
        output: Folder of the songs.
        songs: Their indices.
        seed: Seed of the run. A song depends on the seed and its index, not on ``jobs`` or the other songs.
        seconds: Length of a song. Default: drawn between 60 and 100.
        jobs: Number of processes.

    Yields:
        The folder of each song once it is complete, or the error of a song whose material cannot be read.

    Raises:
        ConfigError: An installed instrument or speech synthesiser fails.
        OutputError: A song cannot be written.
    """
    folders = {index: output / f"song-{seed}-{index:04}" for index in songs}
    missing = [(library, folder, seed, index, seconds) for index, folder in folders.items() if not folder.exists()]
    if jobs == 1:
        for task in missing:
            yield _render(*task)
        return
    # spawned rather than forked: a fork would copy the locks of the parent's threads, but not the threads
    with ProcessPoolExecutor(min(jobs, max(len(missing), 1)), multiprocessing.get_context("spawn")) as pool:
        pending = {pool.submit(_render, *task) for task in missing}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _render(library: Library, folder: Path, seed: int, index: int, seconds: float | None) -> Path | AudioError:
    keep_freed_memory()  # in every process that renders
    try:
        write_song(arrange(library, seed, index, seconds=seconds), folder)
    except AudioError as error:
        return error
    return folder


def render_stems(library: Library, output: Path, seed: int) -> Iterator[Path | AudioError]:
    """Turn the library's finished stems into songs, as folders ``train-NAME-PIECE``; existing ones are kept.

    Args:
        library: The material.
        output: Folder of the songs.
        seed: Seed of the choices.

    Yields:
        The folder of each piece once it is complete, or the error of stems that cannot be read.

    Raises:
        ConfigError: A speech synthesiser fails.
        OutputError: A song cannot be written.
    """
    keep_freed_memory()
    for source in library.stems:
        if (output / f"train-{source.path.name}-0").exists():
            continue
        try:
            pieces = list(enumerate(complete(library, source, seed)))
        except AudioError as error:
            yield error
            continue
        # the first piece is written last: its folder shows that all pieces are there
        for piece, song in reversed(pieces):
            folder = output / f"train-{source.path.name}-{piece}"
            if not folder.exists():
                write_song(song, folder)
                yield folder
