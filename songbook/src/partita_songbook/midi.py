"""Notes and parts, and reading and writing them as MIDI files. All times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import mido

from partita.errors import AudioError

__all__ = [
    "DRUM_CHANNEL",
    "Note",
    "Part",
    "crop",
    "quantise",
    "read_midi",
    "repeat",
    "tempo",
    "transpose",
    "write_midi",
]

DRUM_CHANNEL = 9
_TICKS = 960  # per beat, and per second: files are written at 60 beats per minute


@dataclass(frozen=True, slots=True)
class Note:
    """A note.

    Attributes:
        start: Onset in seconds.
        duration: Seconds.
        pitch: MIDI pitch, 0 to 127; 69 is 440 Hz.
        velocity: 1 to 127.
    """

    start: float
    duration: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Part:
    """The notes of one instrument.

    Attributes:
        program: General MIDI program, 0 to 127.
        notes: In order of onset, at least one.
        is_drums: Whether the pitches are keys of a drum kit.
    """

    program: int
    notes: tuple[Note, ...]
    is_drums: bool = False

    @property
    def is_bass(self) -> bool:
        """Whether the program is one of General MIDI's eight basses."""
        return not self.is_drums and 32 <= self.program < 40


@lru_cache(maxsize=8)
def _events(path: Path) -> list[Any]:
    """Return all messages of a file; the time of each is in seconds since the one before."""
    try:
        return list(mido.MidiFile(path, clip=True))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise AudioError(f"{path}: cannot be read as MIDI ({error}); replace or remove it") from error


def read_midi(path: Path) -> list[Part]:
    """Read the parts of a MIDI file, one for each channel and program; tempo changes are resolved.

    Args:
        path: The file.

    Returns:
        The parts, by channel and program.

    Raises:
        AudioError: The file cannot be read as MIDI.
    """
    programs = [0] * 16
    sounding: dict[tuple[int, int], tuple[float, int, int]] = {}
    notes: dict[tuple[int, int], list[Note]] = {}
    time = 0.0
    for event in _events(path):
        time += event.time
        if event.type == "program_change":
            programs[event.channel] = event.program
        elif event.type in ("note_on", "note_off"):
            key = (event.channel, event.note)
            if key in sounding:
                start, velocity, program = sounding.pop(key)
                # drum files often end a note at its onset, and so short a note would be a click
                note = Note(start, max(time - start, 0.02), event.note, velocity)
                notes.setdefault((event.channel, program), []).append(note)
            if event.type == "note_on" and event.velocity:
                program = 0 if event.channel == DRUM_CHANNEL else programs[event.channel]
                sounding[key] = (time, event.velocity, program)
    return [
        Part(program, tuple(sorted(part, key=lambda note: note.start)), channel == DRUM_CHANNEL)
        for (channel, program), part in sorted(notes.items())
    ]


def write_midi(path: Path, notes: tuple[Note, ...], program: int, *, drums: bool = False, bank: int = 0) -> None:
    """Write one part as a MIDI file.

    Args:
        path: The file.
        notes: The notes.
        program: General MIDI program.
        drums: Write to channel 10, the drums, instead of channel 1.
        bank: Bank of the program.
    """
    channel = DRUM_CHANNEL if drums else 0
    timed = [
        (0.0, 0, mido.Message("control_change", channel=channel, control=0, value=bank)),
        (0.0, 1, mido.Message("program_change", channel=channel, program=program)),
    ]
    for note in notes:
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        off = mido.Message("note_off", channel=channel, note=note.pitch)
        timed += [(note.start, 3, on), (note.start + note.duration, 2, off)]
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000)])
    last = 0
    for time, _, message in sorted(timed, key=lambda item: item[:2]):
        tick = round(time * _TICKS)
        track.append(message.copy(time=tick - last))
        last = tick
    mido.MidiFile(tracks=[track], ticks_per_beat=_TICKS).save(path)


def crop(notes: tuple[Note, ...], start: float, seconds: float, stretch: float = 1.0) -> tuple[Note, ...]:
    """Cut the notes that begin in a span of time, and stretch them.

    Args:
        notes: The notes.
        start: Start of the span, which becomes 0.
        seconds: Length of the span before stretching.
        stretch: Factor on all times.
    """
    return tuple(
        replace(note, start=(note.start - start) * stretch, duration=note.duration * stretch)
        for note in notes
        if start <= note.start < start + seconds
    )


def repeat(notes: tuple[Note, ...], period: float, seconds: float) -> tuple[Note, ...]:
    """Repeat notes every ``period`` seconds; the result ends at ``seconds``."""
    times = max(int(-(-seconds // period)), 1)
    played = (replace(note, start=note.start + i * period) for i in range(times) for note in notes)
    return tuple(note for note in played if note.start < seconds)


def transpose(notes: tuple[Note, ...], semitones: int) -> tuple[Note, ...]:
    """Transpose notes; those that would leave the range of MIDI move back by an octave."""
    moved = []
    for note in notes:
        pitch = note.pitch + semitones
        pitch += 12 * ((pitch < 0) - (pitch > 127))
        moved.append(replace(note, pitch=pitch))
    return tuple(moved)


def tempo(path: Path) -> float:
    """Return the tempo that a MIDI file keeps longest, in beats per minute; 120 where it sets none.

    Raises:
        AudioError: The file cannot be read as MIDI.
    """
    lasting: dict[float, float] = {}
    now = 120.0
    for event in _events(path):
        lasting[now] = lasting.get(now, 0.0) + event.time
        if event.type == "set_tempo":
            now = 60e6 / event.tempo
    return max(lasting, key=lambda bpm: lasting[bpm])


def quantise(notes: tuple[Note, ...], step: float) -> tuple[Note, ...]:
    """Round onsets and durations to multiples of ``step`` seconds; a note lasts at least one step."""
    return tuple(
        replace(note, start=round(note.start / step) * step, duration=max(round(note.duration / step), 1) * step)
        for note in notes
    )
