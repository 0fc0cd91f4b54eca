"""Lines spoken by espeak-ng, flite or festival, which the vocoder turns into singing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from partita.errors import ConfigError
from partita.system.atomic import atomic_path

__all__ = ["LINES", "SpeechVoice", "find_voices", "speak"]

# Lines written for this purpose, rich in open vowels.
LINES = (
    "oh tell me why you go away tonight",
    "we are dancing in the light of the morning",
    "hold me now, never let me go",
    "I will wait for you, I will wait by the sea",
    "falling slowly, falling down again",
    "take me higher, higher than the moon",
    "all my love is all I have to give",
    "running away from the shadows in my room",
    "you and I alone in a silver car",
    "no more lies, no more waiting for a sign",
    "la la la, na na na, hey oh",
    "open your eyes, open your heart to me",
    "stay a little longer, stay until the day",
    "under the neon rain we found our way",
    "can you feel it, can you feel the fire",
    "every time I see you I remember home",
)
_LANGUAGES = ("en-us", "en-gb", "de", "it", "es", "sv", "pt", "fi")


@dataclass(frozen=True)
class SpeechVoice:
    """A voice of a speech synthesiser.

    Attributes:
        engine: The program: espeak-ng, flite or text2wave (festival).
        name: Name of the voice in it.
        licence: Licence of the program or voice; it does not bind what is spoken.
    """

    engine: str
    name: str
    licence: str = "not stated"


def find_voices(
    engine: str, names: Iterable[str], licence: str = "not stated", requires: Path | None = None
) -> list[SpeechVoice]:
    """List the voices of one speech synthesiser.

    Args:
        engine: The program.
        names: Names of its voices.
        licence: Licence of the program or voices.
        requires: A path that exists where the voices are installed.

    Returns:
        The voices in the order of ``names``; none where the program or ``requires`` is missing.
    """
    if shutil.which(engine) is None or (requires and not requires.exists()):
        return []
    return [SpeechVoice(engine, name, licence) for name in names]


def speak(voice: SpeechVoice, line: int, folder: Path) -> Path:
    """Speak a line into a WAV file, unless the file exists.

    Args:
        voice: The voice.
        line: Index of the line in :data:`LINES`.
        folder: Where the file is kept; it is created if needed.

    Returns:
        The file.

    Raises:
        ConfigError: The synthesiser fails.
        OutputError: The file cannot be written.
    """
    path = folder / f"{voice.engine}-{voice.name}-{line}.wav"
    if path.exists():
        return path
    text = LINES[line]
    # each language pronounces the same letters in its own way, so the vowels vary from line to line
    accented = f"{_LANGUAGES[line % len(_LANGUAGES)]}+{voice.name}"
    with atomic_path(path) as partial:
        commands = {
            "espeak-ng": ["-v", accented, "-s", "120", "-w", str(partial), text],
            "flite": ["-voice", voice.name, "-t", text, "-o", str(partial)],
            "text2wave": ["-eval", f"(voice_{voice.name})", "-o", str(partial)],
        }
        spoken = subprocess.run(
            [voice.engine, *commands[voice.engine]], input=text, capture_output=True, text=True, check=False
        )
        if spoken.returncode or not partial.exists():
            raise ConfigError(
                f"{voice.engine} cannot speak as {voice.name} ({spoken.stderr.strip()[-200:]}); "
                "leave this voice out of the manifest"
            )
    return path
