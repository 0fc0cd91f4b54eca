"""Compose and render the demo song: 24 seconds of electronic pop, by synthesis alone.

    python demo/make_demo.py FOLDER

writes the mixture (``demo.flac``) and its four stems to FOLDER. Nothing in the song is recorded or sampled, so it can
be given away.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from partita.audio import AudioWriter
from partita_songbook.drums import strike
from partita_songbook.effects import (
    RATE,
    Audio,
    biquad,
    compress,
    delay,
    equalise,
    normalise,
    pan,
    reverb,
    saturate,
    sidechain,
)
from partita_songbook.formants import SungNote, croon
from partita_songbook.machines import machine
from partita_songbook.midi import Note
from partita_songbook.synth import Patch, perform

__all__ = ["SECONDS", "compose_demo", "write_demo"]

SECONDS = 24.0
_BEAT = 0.5  # seconds: 120 beats per minute, 2 s a bar
_SAMPLES = int(SECONDS * RATE)
_BARS = 12
# A major, A E F#m D: the roots of the bass and the triads of the pad.
_ROOTS = (33, 28, 30, 38)
_TRIADS = ((57, 61, 64, 69), (56, 59, 64, 68), (57, 61, 66, 69), (57, 62, 66, 69))
_CHORUS = 8  # the bar from which every layer plays

_PAD = Patch("saw", 5, 14, 0.9, cutoff=1500, attack=0.12, decay=1, sustain=0.9, release=0.5)
_PLUCK = Patch(
    "saw", 2, 9, 0.6, cutoff=700, sweep=3, resonance=1.4, attack=0.002, decay=0.22, sustain=0.05, release=0.2
)
_LEAD = Patch(
    "square", 2, 7, 0.5, pulse_width=0.3, cutoff=3200, sweep=0.6, attack=0.01, sustain=0.7, release=0.15, vibrato=12
)
_BASS = Patch("saw", 2, 6, 0.1, sub=0.0, cutoff=260, sweep=2.2, resonance=1.1, poles=4, decay=0.25, sustain=0.6)

# Four bars of (beat in the bar, length in beats, MIDI pitch, consonant, vowel).
_VERSE = (
    ((0, 1, 69, "l", "a"), (1, 0.5, 69, "d", "a"), (1.5, 1, 71, "d", "i"), (2.5, 1.5, 73, "l", "a")),
    ((0, 1, 71, "n", "o"), (1, 1, 68, "n", "a"), (2, 1.5, 64, "", "o")),
    ((0, 1, 66, "l", "a"), (1, 0.5, 69, "l", "a"), (1.5, 1, 69, "t", "e"), (2.5, 1.5, 71, "m", "i")),
    ((0, 1.5, 69, "s", "o"), (1.5, 0.5, 66, "d", "a"), (2, 2, 66, "h", "u")),
)
_HOOK = (
    ((0, 1.5, 76, "h", "o"), (1.5, 0.5, 73, "d", "a"), (2, 0.5, 73, "d", "a"), (2.5, 1.5, 71, "d", "a")),
    ((0, 1.5, 71, "h", "o"), (1.5, 0.5, 68, "d", "a"), (2, 2, 71, "n", "a")),
    ((0, 1, 73, "l", "a"), (1, 0.5, 73, "d", "i"), (1.5, 1, 73, "l", "a"), (2.5, 1.5, 69, "n", "o")),
    ((0, 1, 74, "s", "e"), (1, 1, 73, "l", "a"), (2, 2, 69, "m", "a")),
)


def _drums(rng: np.random.Generator) -> tuple[Audio, tuple[Note, ...]]:
    hits: list[Note] = []

    def hit(bar: int, step: float, key: int, velocity: int) -> None:
        hits.append(Note((4 * bar + step / 4) * _BEAT, 0.1, key, velocity))

    for bar in range(_BARS):
        for step in range(16):
            fill = bar in (3, 7, 11) and step >= 12
            if step % 4 == 0 and not fill:
                hit(bar, step, 36, 124)
            if step in (4, 12):
                hit(bar, step, 39, 110)
                hit(bar, step, 38, 96)
            if fill:
                hit(bar, step, 38, 70 + 4 * step)
            if bar >= 4 or step % 2 == 0:
                hit(bar, step, 42, (60, 34, 82, 34)[step % 4])
            if bar >= _CHORUS and step % 4 == 2:
                hit(bar, step, 46, 92)
        if bar in (4, _CHORUS):
            hit(bar, 0, 49, 96)
    hits.sort(key=lambda note: note.start)
    kit = machine(np.random.default_rng(3), kick="tight")  # a short kick leaves room for the bass
    return strike(kit, tuple(hits), _SAMPLES, rng), tuple(hits)


def _bass(rng: np.random.Generator) -> Audio:
    line, sub = [], []
    for bar in range(_BARS):
        root = _ROOTS[bar % 4]
        for step in range(8):
            pitch = root + 12 + 12 * (step in (3, 7))
            line.append(Note((4 * bar + step / 2) * _BEAT, 0.42 * _BEAT, pitch, 112 if step % 2 else 96))
        sub.append(Note(4 * bar * _BEAT, 3.8 * _BEAT, root, 110))
    deep = perform(Patch("sine", attack=0.01, sustain=0.9), tuple(sub), _SAMPLES, rng)
    return saturate(perform(_BASS, tuple(line), _SAMPLES, rng), 4) + 0.8 * deep


def _other(rng: np.random.Generator) -> Audio:
    pads, plucks, leads = [], [], []
    for bar in range(_BARS):
        chord = _TRIADS[bar % 4]
        start = 4 * bar * _BEAT
        pads += [Note(start, 3.9 * _BEAT, pitch, 90) for pitch in chord]
        ladder = [*chord, chord[1] + 12, chord[2] + 12, chord[1] + 12, chord[3]]
        for step in range(16):
            pitch = ladder[(3 * step) % len(ladder)] + 12
            plucks.append(Note(start + step * _BEAT / 4, 0.2 * _BEAT, pitch, 100 if step % 4 == 0 else 72))
        if bar >= _CHORUS:
            for beat, length, pitch in ((0.5, 0.5, chord[3]), (1.5, 0.5, chord[2]), (3, 1, chord[3])):
                leads.append(Note(start + beat * _BEAT, length * _BEAT, pitch + 12, 96))
    pad = reverb(normalise(perform(_PAD, tuple(pads), _SAMPLES, rng), -20), 2.0, 0.35, rng)
    pluck = normalise(perform(_PLUCK, tuple(plucks), _SAMPLES, rng), -22)
    pluck = delay(pluck, 0.75 * _BEAT, 0.4, 0.4, ping_pong=True)
    lead = normalise(perform(_LEAD, tuple(leads), _SAMPLES, rng), -24)
    return pad + pluck + delay(pan(lead, 0.3), _BEAT, 0.35, 0.3)


def _vocals(rng: np.random.Generator) -> Audio:
    def line(
        first: int, bars: tuple[tuple[tuple[float, float, int, str, str], ...], ...], shift: int
    ) -> list[SungNote]:
        return [
            SungNote((4 * (first + bar) + beat) * _BEAT, 0.94 * beats * _BEAT, pitch + shift, onset, vowel)
            for bar, notes in enumerate(bars)
            for beat, beats, pitch, onset, vowel in notes
        ]

    lead = croon(tuple(line(0, _VERSE, 0) + line(4, _VERSE, 0) + line(_CHORUS, _HOOK, 0)), _SAMPLES, rng)
    dry = pan(lead, 0.0)
    # in the chorus, two more voices on the sides: one an octave lower, one in unison
    for shift, side, size in ((-12, -0.7, 0.9), (0, 0.7, 1.06)):
        voice = croon(tuple(line(_CHORUS, _HOOK, shift)), _SAMPLES, rng, size=size)
        dry += 0.3 * pan(voice, side)
    dry = equalise(dry, biquad("high_pass", 120), biquad("peak", 3000, 1, 3))
    dry = compress(normalise(dry, -18), -22, 3)
    return reverb(delay(dry, 0.75 * _BEAT, 0.3, 0.18, ping_pong=True), 1.6, 0.22, rng)


def compose_demo(seed: int = 7) -> dict[str, Audio]:
    """Compose and render the song.

    Args:
        seed: Seed of every random choice.

    Returns:
        The four stems, float32 ``(2, samples)`` at 44.1 kHz; their sum peaks below 0.95.
    """
    rng = np.random.default_rng(seed)
    drums, hits = _drums(rng)
    kicks = np.array([note.start for note in hits if note.pitch == 36])
    pump = sidechain(_SAMPLES, kicks, 0.55, 0.3)
    stems = {
        "drums": normalise(drums, -19),
        "bass": normalise(_bass(rng) * pump, -20.5),
        "other": normalise(_other(rng) * pump, -22),
        "vocals": normalise(_vocals(rng), -19.5),
    }
    fade = np.ones(_SAMPLES, np.float32)
    fade[-RATE:] = np.cos(np.linspace(0, np.pi / 2, RATE))
    peak = np.abs(sum(stems.values(), np.zeros((2, _SAMPLES), np.float32)) * fade).max()
    return {stem: audio * (fade * np.float32(min(1.0, 0.94 / peak))) for stem, audio in stems.items()}


def write_demo(folder: Path) -> None:
    """Write ``demo.flac`` and one FLAC file for each stem, 16 bits with dither.

    Args:
        folder: Where the files go; it is created if needed.

    Raises:
        OutputError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stems = compose_demo()
    mixture = sum(stems.values(), np.zeros((2, _SAMPLES), np.float32))
    for seed, (name, audio) in enumerate({"demo": mixture, **stems}.items()):
        with AudioWriter(folder / f"{name}.flac", RATE, 2, _SAMPLES, format="flac", seed=seed) as file:
            file.write(audio)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Render the demo song and its stems as FLAC files.")
    parser.add_argument("folder", type=Path, help="where the files go")
    write_demo(parser.parse_args().folder)
