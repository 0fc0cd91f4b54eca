"""Parts played on soundfonts, by the fluidsynth program."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from partita.errors import ConfigError
from partita_songbook.effects import RATE, Audio
from partita_songbook.manifest import matches
from partita_songbook.midi import Note, write_midi
from partita_songbook.recordings import read_audio

__all__ = ["Soundfont", "find_soundfonts", "play"]


@dataclass(frozen=True)
class Soundfont:
    """An installed soundfont.

    Attributes:
        path: The ``.sf2`` or ``.sf3`` file.
        drums_only: It holds a single kit in bank 0, program 0.
        licence: Its licence.
    """

    path: Path
    drums_only: bool
    licence: str = "not stated"

    @property
    def compressed(self) -> bool:
        """Whether its samples are compressed, which makes it slow to load."""
        return self.path.suffix == ".sf3"


def find_soundfonts(
    folders: Iterable[Path], drums_only: tuple[str, ...] = (), licences: Mapping[str, str] | None = None
) -> list[Soundfont]:
    """List the distinct soundfonts in ``folders``, sorted by name.

    Args:
        folders: Folders of ``.sf2`` and ``.sf3`` files; missing ones are skipped.
        drums_only: Patterns of the names (without extension) of soundfonts that hold a single kit.
        licences: Pattern of names -> licence.
    """
    paths = {path.resolve() for folder in folders for path in folder.glob("*.sf[23]")}
    return [
        Soundfont(
            path,
            matches(path.stem, drums_only),
            next((terms for name, terms in (licences or {}).items() if matches(path.stem, (name,))), "not stated"),
        )
        for path in sorted(paths, key=lambda path: path.name)
    ]


def play(
    font: Soundfont,
    notes: tuple[Note, ...],
    samples: int,
    program: int = 0,
    *,
    drums: bool = False,
) -> Audio:
    """Play notes on one program of a soundfont, dry.

    Args:
        font: The soundfont.
        notes: The notes; none give silence.
        samples: Length of the result.
        program: General MIDI program, or with ``drums`` the number of the kit.
        drums: Play the percussion bank (the single kit of a ``drums_only`` soundfont).

    Returns:
        Float32 ``(2, samples)``.

    Raises:
        ConfigError: fluidsynth is not installed or fails.
    """
    if not notes:
        return np.zeros((2, samples), np.float32)
    fluidsynth = shutil.which("fluidsynth")
    if fluidsynth is None:
        raise ConfigError("fluidsynth is not installed; install the package fluidsynth to play soundfonts")
    if drums:  # drum samples ring out, however short the notes in the file are
        notes = tuple(replace(note, duration=max(note.duration, 0.5)) for note in notes)
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "part.mid"), Path(folder, "part.wav")
        write_midi(score, notes, 0 if font.drums_only else program, drums=drums and not font.drums_only)
        command = [fluidsynth, "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.5", "-r", str(RATE)]
        command += ["-o", "synth.dynamic-sample-loading=1"]
        command += ["-O", "float", "-T", "wav", "-F", str(sound), str(font.path), str(score)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not sound.exists():
            raise ConfigError(f"fluidsynth cannot play {font.path}: {done.stderr.strip()[-200:]}")
        audio = read_audio(sound)
    out = np.zeros((2, samples), np.float32)
    length = min(samples, audio.shape[-1])
    out[:, :length] = audio[:, :length]
    return out
