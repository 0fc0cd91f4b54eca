"""The MIDI files, recordings, instruments and voices that songs are made of, divided into two splits."""

from __future__ import annotations

import csv
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from partita.data.songbook.drums import find_kits
from partita.data.songbook.lmms import Preset, find_presets
from partita.data.songbook.soundfont import Soundfont, find_soundfonts
from partita.data.songbook.voices import VALID_VOICES, SpeechVoice, find_voices
from partita.errors import ConfigError

__all__ = ["Library", "Split"]

Split = Literal["train", "valid"]

# What only the songs of the valid split may use, by name; voices are divided in voices.py, performances by info.csv.
_VALID = frozenset(
    {
        *("d_dm05", "d_dm17", "d_dm29", "d_e1m4", "d_e2m2", "d_e3m6"),  # MIDI songs
        *("vocadito_10", "vocadito_14", "sms_vignesh"),  # singers
        *("ForzeeStereo", "BJA_Pacific", "VariBreaks"),  # kits
        *("TimGM6mb", "Red_Zeppelin_4_LV2"),  # soundfonts
        *("loop_electric", "loop_mika", "loop_weirdo"),
        *("sectoid-feelings", "muldjord-chaos-god", "sms_sax-phrase", "sms_sax-phrase-short", "sms_piano"),
    }
)
_MIDI = {".mid", ".midi"}
_ONE_SINGER_A_FILE = ("vocadito", "sms_")


@dataclass(frozen=True)
class Library:
    """What there is to make songs of, for one split. The splits share nothing.

    Attributes:
        grooves: MIDI files of drum performances in 4/4, and their tempo in beats per minute.
        songs: MIDI files of songs with several parts.
        singers: Voice name -> takes of dry singing.
        phrases: Recordings for the ``other`` stem.
        loops: Drum loops.
        stems: Folders of finished songs with ``drums``, ``bass``, ``other`` and perhaps ``vocals``.
        fonts: Soundfonts.
        kits: Folders of Hydrogen drum kits.
        presets: Of synthesisers that lmms plays.
        voices: Speech synthesisers' voices.
        split: Which split this is.
        cache: Folder where analysed singing is kept; ``None`` keeps none.
    """

    grooves: tuple[tuple[Path, float], ...] = ()
    songs: tuple[Path, ...] = ()
    singers: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    phrases: tuple[Path, ...] = ()
    loops: tuple[Path, ...] = ()
    stems: tuple[Path, ...] = ()
    fonts: tuple[Soundfont, ...] = ()
    kits: tuple[Path, ...] = ()
    presets: tuple[Preset, ...] = ()
    voices: tuple[SpeechVoice, ...] = ()
    split: Split = "train"
    cache: Path | None = None

    @classmethod
    def open(cls, folder: Path | None, *, split: Split = "train", cache: Path | None = None) -> Library:
        """Index a folder and what is installed.

        Args:
            folder: Holds any of MIDI songs, at any depth, ``midi/*`` with an ``info.csv`` of drum performances,
                ``vocals/*``, ``other/*``, ``drums/*`` and ``songs-train/*``. Without it songs are made of
                installed instruments and voices and of synthesis alone.
            split: Which part of it.
            cache: Folder where analysed singing is kept.

        Raises:
            ConfigError: The folder does not exist, or holds nothing for the split.
        """
        valid = split == "valid"

        def mine(paths: list[Path]) -> tuple[Path, ...]:
            return tuple(path for path in sorted(paths) if (path.stem in _VALID) == valid)

        playable = shutil.which("fluidsynth") is not None
        installed = cls(
            fonts=tuple(font for font in find_soundfonts() if (font.path.stem in _VALID) == valid and playable),
            kits=tuple(kit for kit in find_kits() if (kit.name in _VALID) == valid),
            presets=tuple(preset for preset in find_presets() if _is_valid(preset.path) == valid),
            voices=tuple(voice for voice in find_voices() if (voice.name in VALID_VOICES) == valid),
            split=split,
            cache=cache,
        )
        if folder is None:
            return installed
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder of material")
        performances = [table.parent for table in folder.glob("midi/*/info.csv")]
        songs = [
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in _MIDI and not any(path.is_relative_to(drums) for drums in performances)
        ]
        singers: dict[str, list[Path]] = {}
        for path in sorted(folder.glob("vocals/*/*.ogg")):
            name = path.stem if path.stem.startswith(_ONE_SINGER_A_FILE) else path.parent.name.split("_")[0]
            if (name in _VALID) == valid:
                singers.setdefault(name, []).append(path)
        library = cls(
            grooves=_grooves(folder, "validation" if valid else "train"),
            songs=mine(songs),
            singers={name: tuple(takes) for name, takes in singers.items()},
            phrases=mine(list(folder.glob("other/*/*.ogg"))),
            loops=mine(list(folder.glob("drums/*/*.ogg"))),
            stems=() if valid else tuple(sorted(path.parent for path in folder.glob("songs-train/*/drums.*"))),
            fonts=installed.fonts,
            kits=installed.kits,
            presets=installed.presets,
            voices=installed.voices,
            split=split,
            cache=cache,
        )
        if not (library.grooves or library.songs or library.singers or library.phrases or library.loops):
            raise ConfigError(
                f"{folder} holds no material for the split {split!r}: expected MIDI files, vocals/*/*.ogg, "
                "other/*/*.ogg or drums/*/*.ogg"
            )
        return library


def _is_valid(preset: Path) -> bool:
    """One preset in ten is kept for the valid split, by its name."""
    return zlib.crc32(preset.name.encode()) % 10 == 0


def _grooves(folder: Path, split: str) -> tuple[tuple[Path, float], ...]:
    found = []
    for table in sorted(folder.glob("midi/*/info.csv")):
        with table.open(newline="") as lines:
            found += [
                (table.parent / row["midi_filename"], float(row["bpm"]))
                for row in csv.DictReader(lines)
                if row["split"] == split and row["time_signature"] == "4-4" and float(row["duration"]) >= 20
            ]
    return tuple(found)
