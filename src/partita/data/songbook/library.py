"""The MIDI files and recordings that songs are made of, divided into training and held out."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from partita.data.songbook.effects import RATE, Audio
from partita.errors import AudioError, ConfigError

__all__ = ["Library", "read_audio"]

# Songs, singers and instruments that only the held-out split may use.
_HELD_OUT_SONGS = ("d_dm05", "d_dm17", "d_dm29", "d_e1m4", "d_e2m2", "d_e3m6")
_HELD_OUT_SINGERS = ("vocadito_10", "vocadito_14")


def read_audio(path: Path, channels: int = 2) -> Audio:
    """Read a file as (channels, samples) at 44.1 kHz; mono files are copied to both channels.

    Raises:
        AudioError: The file cannot be read.
    """
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"{path} cannot be read as audio ({error}); replace or remove it") from error
    if rate != RATE:
        audio = soxr.resample(audio, rate, RATE, quality="HQ")
    audio = audio.T
    if channels == 1:
        audio = audio.mean(0, keepdims=True)
    return np.ascontiguousarray(np.broadcast_to(audio[:channels], (channels, audio.shape[-1])), np.float32)


@dataclass(frozen=True)
class Library:
    """What is found below a folder, for one split.

    Attributes:
        grooves: MIDI files of drum performances in 4/4, and their tempo in beats per minute.
        songs: MIDI files of songs with several parts.
        singers: Voice name -> takes of dry singing.
        phrases: Recordings for the ``other`` stem.
        loops: Drum loops.
        stems: Folders of finished songs with ``drums``, ``bass``, ``other`` and perhaps ``vocals``.
        held_out: Whether this is the held-out split.
    """

    grooves: tuple[tuple[Path, float], ...]
    songs: tuple[Path, ...]
    singers: dict[str, tuple[Path, ...]]
    phrases: tuple[Path, ...]
    loops: tuple[Path, ...]
    stems: tuple[Path, ...]
    held_out: bool

    @classmethod
    def open(cls, folder: Path, *, held_out: bool = False) -> Library:
        """Index ``midi/*``, ``vocals/*``, ``other/*``, ``drums/*`` and ``songs-train/*`` of a folder.

        Raises:
            ConfigError: There is nothing to sing or nothing to play in the folder.
        """
        grooves = []
        for table in sorted(folder.glob("midi/*/info.csv")):
            with table.open(newline="") as lines:
                grooves += [
                    (table.parent / row["midi_filename"], float(row["bpm"]))
                    for row in csv.DictReader(lines)
                    if row["split"] == ("validation" if held_out else "train")
                    and row["time_signature"] == "4-4"
                    and float(row["duration"]) >= 20
                ]
        songs = [
            path
            for path in sorted(folder.glob("midi/*/*.mid"))
            if (path.stem in _HELD_OUT_SONGS) == held_out and not (path.parent / "info.csv").exists()
        ]
        singers: dict[str, list[Path]] = {}
        for path in sorted(folder.glob("vocals/*/*.ogg")):
            name = path.stem if path.stem.startswith("vocadito") else path.parent.name.split("_")[0]
            if (name in _HELD_OUT_SINGERS) == held_out:
                singers.setdefault(name, []).append(path)
        library = cls(
            grooves=tuple(grooves),
            songs=tuple(songs),
            singers={name: tuple(takes) for name, takes in singers.items()},
            phrases=tuple(sorted(folder.glob("other/*/*.ogg"))),
            loops=tuple(sorted(folder.glob("drums/*/*.ogg"))),
            stems=() if held_out else tuple(sorted(p.parent for p in folder.glob("songs-train/*/drums.*"))),
            held_out=held_out,
        )
        if not (library.grooves and library.songs and library.singers):
            raise ConfigError(
                f"{folder} needs drum performances (midi/*/info.csv), songs (midi/*/*.mid) and singing "
                "(vocals/*/*.ogg); name a folder that has them"
            )
        return library
