"""Songs written to disk in the data set's layout: by several processes, resumable."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path

import numpy as np
import soundfile

from partita.data.songbook.arrange import arrange
from partita.data.songbook.effects import RATE
from partita.data.songbook.library import Library
from partita.data.songbook.song import Song
from partita.data.songbook.styles.stems import complete
from partita.errors import AudioError, OutputError
from partita.system.allocator import keep_freed_memory

__all__ = ["render_songs", "render_stems", "write_song"]


def write_song(song: Song, folder: Path) -> None:
    """Write a song's stems (16-bit FLAC) and ``card.json``; the folder appears when it is complete.

    Raises:
        OutputError: The folder cannot be written.
    """
    part = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for stem, audio in song.stems.items():
            levels = np.round(np.clip(audio.T, -1, 1) * 32767).astype(np.int16)
            # the fastest compression: songs are read back many times and kept briefly
            soundfile.write(part / f"{stem}.flac", levels, RATE, subtype="PCM_16", compression_level=0.0)
        (part / "card.json").write_text(json.dumps(song.card, indent=1) + "\n")
        part.rename(folder)
    except (OSError, soundfile.LibsndfileError) as error:
        raise OutputError(f"{folder} cannot be written ({error}); choose another folder") from error


def _render(library: Library, folder: Path, seed: int, index: int, seconds: float | None) -> Path | AudioError:
    keep_freed_memory()  # here, because this is what any of the processes runs
    try:
        write_song(arrange(library, seed, index, seconds=seconds), folder)
    except AudioError as error:
        return error
    return folder


def render_songs(
    library: Library, output: Path, songs: range, seed: int, *, seconds: float | None = None, jobs: int = 1
) -> Iterator[Path | AudioError]:
    """Write the songs of a seed that are not there yet as ``song-SEED-INDEX``.

    Args:
        library: Material.
        output: Folder of the songs.
        songs: Their indices.
        seed: Of the songbook; a song is the same whatever ``jobs`` and the other indices are.
        seconds: Length; drawn between 60 and 100 if not given.
        jobs: Processes.

    Yields:
        The folder of each song once it is written, or the error of one whose material cannot be read.

    Raises:
        ConfigError: A program or package the songs need is not installed.
        OutputError: A song cannot be written.
    """
    folders = {index: output / f"song-{seed}-{index:04}" for index in songs}
    missing = [(library, folder, seed, index, seconds) for index, folder in folders.items() if not folder.exists()]
    if jobs == 1:
        for task in missing:
            yield _render(*task)
        return
    # not forked: the parent's threads would not come along, their locks would
    with ProcessPoolExecutor(min(jobs, max(len(missing), 1)), multiprocessing.get_context("spawn")) as pool:
        pending = {pool.submit(_render, *task) for task in missing}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def render_stems(library: Library, output: Path, seed: int) -> Iterator[Path | AudioError]:
    """Write the library's finished stems as songs ``train-NAME-PIECE`` that are not there yet.

    Yields:
        The folder of each piece once it is written, or the error of stems that cannot be read.

    Raises:
        OutputError: A song cannot be written.
    """
    keep_freed_memory()
    for source in library.stems:
        if (output / f"train-{source.name}-0").exists():
            continue
        try:
            pieces = list(enumerate(complete(library, source, seed)))
        except AudioError as error:
            yield error
            continue
        # the first piece last: it marks that the others are there
        for piece, song in reversed(pieces):
            folder = output / f"train-{source.name}-{piece}"
            if not folder.exists():
                write_song(song, folder)
                yield folder
