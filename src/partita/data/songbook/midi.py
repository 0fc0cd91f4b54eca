"""Notes of parts, read from and written to MIDI files. Times are in seconds."""

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
_TICKS = 960  # per second, as files are written at 60 beats per minute


@dataclass(frozen=True, slots=True)
class Note:
    """One note: onset and duration in seconds, MIDI pitch (69 is 440 Hz), velocity 1 to 127."""

    start: float
    duration: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Part:
    """The notes one instrument plays, in order of onset, with its General MIDI program (0 to 127)."""

    program: int
    notes: tuple[Note, ...]
    is_drums: bool = False

    @property
    def is_bass(self) -> bool:
        """Whether the program is one of the eight basses of General MIDI."""
        return not self.is_drums and 32 <= self.program < 40


@lru_cache(maxsize=8)
def _events(path: Path) -> list[Any]:
    """All messages of a file, their times in seconds since the one before."""
    try:
        return list(mido.MidiFile(path, clip=True))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise AudioError(f"{path} cannot be read as MIDI ({error}); replace or remove it") from error


def read_midi(path: Path) -> list[Part]:
    """Read the parts of a MIDI file, one per channel and program, tempo changes resolved.

    Raises:
        AudioError: The file is not MIDI.
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
                # a sliver would be a click, and drum files end their notes as soon as they begin
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
    """Write one part as a MIDI file; drums go to channel 10, everything else to channel 1."""
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
    """Notes beginning in the ``seconds`` from ``start``, now 0; times are multiplied by ``stretch``."""
    return tuple(
        replace(note, start=(note.start - start) * stretch, duration=note.duration * stretch)
        for note in notes
        if start <= note.start < start + seconds
    )


def repeat(notes: tuple[Note, ...], period: float, seconds: float) -> tuple[Note, ...]:
    """Notes again and again every ``period`` seconds, until ``seconds``."""
    times = max(int(-(-seconds // period)), 1)
    played = (replace(note, start=note.start + i * period) for i in range(times) for note in notes)
    return tuple(note for note in played if note.start < seconds)


def transpose(notes: tuple[Note, ...], semitones: int) -> tuple[Note, ...]:
    """Move pitches; notes that leave MIDI's range come back by octaves."""
    moved = []
    for note in notes:
        pitch = note.pitch + semitones
        pitch += 12 * ((pitch < 0) - (pitch > 127))
        moved.append(replace(note, pitch=pitch))
    return tuple(moved)


def tempo(path: Path) -> float:
    """Tempo of a MIDI file in beats per minute that lasts longest, 120 where it names none.

    Raises:
        AudioError: The file is not MIDI.
    """
    lasting: dict[float, float] = {}
    now = 120.0
    for event in _events(path):
        lasting[now] = lasting.get(now, 0.0) + event.time
        if event.type == "set_tempo":
            now = 60e6 / event.tempo
    return max(lasting, key=lambda bpm: lasting[bpm])


def quantise(notes: tuple[Note, ...], step: float) -> tuple[Note, ...]:
    """Bring onsets and ends to multiples of ``step`` seconds; a note lasts at least one step."""
    return tuple(
        replace(note, start=round(note.start / step) * step, duration=max(round(note.duration / step), 1) * step)
        for note in notes
    )
