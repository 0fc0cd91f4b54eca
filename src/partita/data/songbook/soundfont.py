"""Parts played on soundfonts through the fluidsynth program."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from partita.data.songbook.effects import RATE, Audio
from partita.data.songbook.midi import Note, write_midi
from partita.data.songbook.recordings import read_audio
from partita.errors import ConfigError

__all__ = ["FOLDERS", "Soundfont", "find_soundfonts", "play"]

FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"))

_LICENCES = {
    "FluidR3": "MIT",
    "MuseScore_General": "MIT",
    "TimGM6mb": "GPL-2.0",
    "Black_Pearl": "CC-BY-SA-3.0",
    "Red_Zeppelin": "CC-BY-SA-3.0",
}


@dataclass(frozen=True)
class Soundfont:
    """A soundfont file; ``drums_only`` ones hold a single kit in bank 0, program 0."""

    path: Path
    drums_only: bool

    @property
    def compressed(self) -> bool:
        """Whether its samples are compressed, which makes it slow to load."""
        return self.path.suffix == ".sf3"

    @property
    def licence(self) -> str:
        """Licence of the known soundfonts."""
        return next((terms for name, terms in _LICENCES.items() if self.path.stem.startswith(name)), "not stated")


def find_soundfonts(folders: tuple[Path, ...] = FOLDERS) -> list[Soundfont]:
    """List the distinct soundfonts below ``folders``, by name."""
    paths = {path.resolve() for folder in folders for path in folder.glob("*.sf[23]")}
    return [Soundfont(path, path.stem.endswith("_LV2")) for path in sorted(paths, key=lambda path: path.name)]


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
        notes: What to play; nothing gives silence.
        samples: Length of the result.
        program: General MIDI program, or the kit when ``drums`` is set.
        drums: Play the percussion bank (for a ``drums_only`` font its single kit).

    Returns:
        float32 (2, samples).

    Raises:
        ConfigError: fluidsynth is not installed, or fails.
    """
    if not notes:
        return np.zeros((2, samples), np.float32)
    fluidsynth = shutil.which("fluidsynth")
    if fluidsynth is None:
        raise ConfigError("fluidsynth is not installed; install the package fluidsynth to render songs")
    if drums:  # a kit's samples are to ring out, whatever the file says
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
