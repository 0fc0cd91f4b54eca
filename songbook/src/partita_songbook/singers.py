"""Singers of a song: recorded ones, synthetic speakers, and recorded vowels, as takes for the vocoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partita_songbook.library import Library
from partita_songbook.takes import Take, analyse, median_pitch
from partita_songbook.voices import LINES, speak

__all__ = ["Singer", "centre_pitch", "recorded_singer", "spoken_singer", "vowel_singer"]

_SHORTEST_PHRASE = 100  # frames, 0.5 s
_SHORTEST_VOWEL = 200  # frames, 1 s


@dataclass(frozen=True)
class Singer:
    """A voice and some of its takes.

    Attributes:
        name: Its name on a song's card.
        licence: Licence of the recordings, or of the program that speaks.
        takes: Its phrases, at least one.
    """

    name: str
    licence: str
    takes: tuple[Take, ...]

    @property
    def files(self) -> list[str]:
        """Names of the recordings used, sorted."""
        return sorted({take.source[0].name for take in self.takes})


def recorded_singer(library: Library, count: int, rng: np.random.Generator) -> Singer | None:
    """Draw a recorded singer and up to ``count`` phrases, or return ``None`` where the library has none.

    Singers with more takes are drawn slightly more often.

    Raises:
        AudioError: A recording cannot be read.
    """
    names = sorted(library.singers)
    if not names:
        return None
    weight = np.array([len(library.singers[name]) ** 0.15 for name in names])  # variety before quantity
    name = str(rng.choice(names, p=weight / weight.sum()))
    files = library.singers[name]
    drawn = [files[int(i)] for i in rng.permutation(len(files))[:count]]
    takes = [take for file in drawn for take in analyse(file.path, library.cache) if len(take.pitch) > _SHORTEST_PHRASE]
    chosen = tuple(takes[int(i)] for i in rng.permutation(len(takes))[:count])
    return Singer(name, files[0].licence, chosen) if chosen else None


def spoken_singer(library: Library, count: int, rng: np.random.Generator) -> Singer | None:
    """Draw a voice of a speech synthesiser that speaks ``count`` lines.

    Returns:
        The voice, or ``None`` where the library has no voices or no cache to keep the speech in.

    Raises:
        ConfigError: The synthesiser fails.
        OutputError: The speech cannot be written.
    """
    if not library.voices or library.cache is None:
        return None
    engines = sorted({voice.engine for voice in library.voices})
    # an engine with many voices is drawn more often, but less than in proportion
    weights = np.array([len([v for v in library.voices if v.engine == engine]) ** 0.4 for engine in engines])
    engine = str(rng.choice(engines, p=weights / weights.sum()))
    voices = [voice for voice in library.voices if voice.engine == engine]
    voice = voices[int(rng.integers(len(voices)))]
    lines = rng.permutation(len(LINES))[:count].tolist()
    folder = library.cache / "speech"
    takes = [take for line in lines for take in analyse(speak(voice, line, folder), library.cache)]
    return Singer(f"{voice.engine} {voice.name}", voice.licence, tuple(takes)) if takes else None


def vowel_singer(library: Library, *, choir: bool, female: bool | None = None) -> Singer | None:
    """Return the recorded vowels of single voices, or of choirs, as one singer.

    Args:
        library: The material.
        choir: Vowels of several voices at once instead of single voices.
        female: Only vowels sung by women, or by men; ``None`` for both.

    Returns:
        All takes of a second or more; ``None`` if there are none.

    Raises:
        AudioError: A recording cannot be read.
    """
    files = [file for file in library.vowels if file.choir == choir and female in (None, file.female)]
    takes = tuple(
        take for file in files for take in analyse(file.path, library.cache) if len(take.pitch) > _SHORTEST_VOWEL
    )
    name, terms = (" and ".join(sorted(facts)) for facts in ({f.singer for f in files}, {f.licence for f in files}))
    return Singer(name, terms, takes) if takes else None


def centre_pitch(takes: tuple[Take, ...]) -> float:
    """Return the median of the takes' median pitches, as a fractional MIDI pitch."""
    return float(np.median([median_pitch(take) for take in takes]))
