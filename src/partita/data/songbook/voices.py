"""Speech synthesisers as singers' raw material: espeak-ng, flite and festival, where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from partita.errors import ConfigError

__all__ = ["LINES", "VALID_VOICES", "SpeechVoice", "find_voices", "speak"]

# What is spoken, to be sung: lines written for this purpose, rich in open vowels.
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
_VARIANTS = (
    *("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"),
    *("Alicia", "Andrea", "Annie", "belinda", "linda", "Denis", "marcelo", "michel", "Hugo", "whisper"),
)
VALID_VOICES = frozenset({"f4", "m5", "Annie", "marcelo", "rms"})


@dataclass(frozen=True)
class SpeechVoice:
    """A voice of a speech synthesiser: the program, and the voice's name in it."""

    engine: str
    name: str

    @property
    def licence(self) -> str:
        """Licence of the synthesiser; what it speaks is not bound by it."""
        return {"espeak-ng": "GPL-3.0 program", "flite": "BSD-like", "text2wave": "BSD-like"}[self.engine]


def find_voices() -> list[SpeechVoice]:
    """The voices of the speech synthesisers that are installed, none if there is none."""
    found = []
    if shutil.which("espeak-ng"):
        found += [SpeechVoice("espeak-ng", variant) for variant in _VARIANTS]
    if shutil.which("flite"):
        found += [SpeechVoice("flite", name) for name in ("slt", "rms", "awb", "kal16")]
    if shutil.which("text2wave") and Path("/usr/share/festival/voices/us/cmu_us_slt_arctic_hts").exists():
        found.append(SpeechVoice("text2wave", "cmu_us_slt_arctic_hts"))
    return found


def speak(voice: SpeechVoice, line: int, folder: Path) -> Path:
    """Speak one of the :data:`LINES` into a WAV file in a folder, or find it there.

    Raises:
        ConfigError: The synthesiser fails.
    """
    path = folder / f"{voice.engine}-{voice.name}-{line}.wav"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{path.stem}-{os.getpid()}.wav"
    text = LINES[line]
    commands = {
        # a language's sounds for the same letters: the vowels differ with the line
        "espeak-ng": ["-v", f"{_LANGUAGES[line % len(_LANGUAGES)]}+{voice.name}", "-s", "120", "-w", str(part), text],
        "flite": ["-voice", voice.name, "-t", text, "-o", str(part)],
        "text2wave": ["-eval", f"(voice_{voice.name})", "-o", str(part)],
    }
    spoken = subprocess.run(
        [voice.engine, *commands[voice.engine]], input=text, capture_output=True, text=True, check=False
    )
    if spoken.returncode or not part.exists():
        raise ConfigError(f"{voice.engine} cannot speak as {voice.name}: {spoken.stderr.strip()[-200:]}")
    part.replace(path)
    return path
