"""Who sings: recorded singers and spoken voices, as takes for the vocoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partita.data.songbook.library import Library
from partita.data.songbook.recordings import licence
from partita.data.songbook.takes import Take, analyse, median_pitch
from partita.data.songbook.voices import LINES, speak

__all__ = ["VOWELS", "Singer", "recorded_singer", "spoken_singer", "vowel_takes"]

VOWELS = "olpc-berklee-voices"  # sustained vowels: choirs and pads, not lead vocals


@dataclass(frozen=True)
class Singer:
    """A voice and some of its takes.

    Attributes:
        name: For the song's card.
        licence: Of the recordings, or of the program that speaks.
        takes: Phrases.
    """

    name: str
    licence: str
    takes: tuple[Take, ...]

    @property
    def files(self) -> list[str]:
        """Names of the recordings used."""
        return sorted({take.source[0].name for take in self.takes})


def recorded_singer(library: Library, count: int, rng: np.random.Generator) -> Singer | None:
    """Draw a singer of the library and up to ``count`` phrases; those with more takes come up more often."""
    names = sorted(name for name in library.singers if name != VOWELS)
    if not names:
        return None
    weight = np.array([len(library.singers[name]) ** 0.15 for name in names])  # variety before quantity
    name = str(rng.choice(names, p=weight / weight.sum()))
    files = library.singers[name]
    drawn = [files[int(i)] for i in rng.permutation(len(files))[:count]]
    takes = [take for path in drawn for take in analyse(path, library.cache) if len(take.pitch) > 100]
    chosen = tuple(takes[int(i)] for i in rng.permutation(len(takes))[:count])
    return Singer(name, licence(files[0]), chosen) if chosen else None


def spoken_singer(library: Library, count: int, rng: np.random.Generator) -> Singer | None:
    """Draw a speech synthesiser's voice that speaks ``count`` lines; none without one or without a cache."""
    if not library.voices or library.cache is None:
        return None
    engines = sorted({voice.engine for voice in library.voices})
    # half of the songs go to the one formant synthesiser with its many voices, half to those of recorded speech
    weights = np.array([len([v for v in library.voices if v.engine == engine]) ** 0.4 for engine in engines])
    engine = str(rng.choice(engines, p=weights / weights.sum()))
    voices = [voice for voice in library.voices if voice.engine == engine]
    voice = voices[int(rng.integers(len(voices)))]
    lines = rng.permutation(len(LINES))[:count].tolist()
    folder: Path = library.cache / "speech"
    takes = [take for line in lines for take in analyse(speak(voice, line, folder), library.cache)]
    return Singer(f"{voice.engine} {voice.name}", voice.licence, tuple(takes)) if takes else None


def vowel_takes(library: Library, *, many: bool) -> tuple[Take, ...]:
    """The held vowels of single voices, or of choirs, in the library."""
    files = [path for path in library.singers.get(VOWELS, ()) if ("voices_" in path.stem) == many]
    return tuple(take for path in files for take in analyse(path, library.cache) if len(take.pitch) > 200)


def female(take: Take) -> bool:
    """Whether a vowel was sung by a woman or women."""
    return take.source[0].name.startswith("female")


def range_of(takes: tuple[Take, ...]) -> float:
    """The MIDI pitch about which takes lie."""
    return float(np.median([median_pitch(take) for take in takes]))
