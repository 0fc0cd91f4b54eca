"""Instrumental parts before mixing, played from notes or cut from recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
import soxr

from partita.errors import AudioError
from partita_songbook import drums, lmms, synth
from partita_songbook.effects import (
    RATE,
    Audio,
    biquad,
    delay,
    equalise,
    normalise,
    pan,
    saturate,
    sweep,
    tremolo,
)
from partita_songbook.library import Library
from partita_songbook.machines import machine
from partita_songbook.midi import Note, Part, crop, read_midi, repeat
from partita_songbook.patches import random_patch
from partita_songbook.recordings import read_audio
from partita_songbook.soundfont import play

__all__ = ["Band", "drum_loop", "groove", "play_part", "play_recording", "play_synth", "strike_kit"]

_BASSES = frozenset({"bass", "sub", "sub pluck", "808", "acid", "reese", "wobble", "fm bass", "growl"})
_PRESETS = {  # role -> uses of the presets that may play it; the built-in synthesiser plays all other roles
    "bass": ("bass",),
    "fm bass": ("bass",),
    "reese": ("bass",),
    "pluck": ("pluck", "keys", "bell", "lead"),
    "pad": ("pad",),
    "drone": ("pad",),
    "supersaw": ("lead", "pad"),
    "stab": ("lead", "organ", "keys"),
    "lead": ("lead",),
    "keys": ("keys", "organ"),
    "bell": ("bell",),
    "mallet": ("bell", "pluck"),
    "organ": ("organ",),
}

_LONG_PHRASE = 500_000  # bytes
_FAINT = 1e-3  # peak below which a preset counts as silent in the register of a part


@dataclass
class Band:
    """What the players of one song share.

    Attributes:
        library: The material.
        rng: Source of all choices.
        samples: Length of the song.
        beat: Length of a beat in seconds.
        card: Ingredients used so far, by stem.
        licences: Ingredient -> licence, for those that are not synthesised here.
    """

    library: Library
    rng: np.random.Generator
    samples: int
    beat: float
    card: dict[str, Any] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)

    @property
    def bars(self) -> int:
        """Number of bars of four beats that cover the song."""
        return int(np.ceil(self.samples / RATE / self.beat / 4))

    def note(self, stem: str, ingredient: str, terms: str | None = None) -> None:
        """Add an ingredient to the card, with its licence if it has one."""
        self.card.setdefault(stem, []).append(ingredient)
        if terms:
            self.licences[ingredient] = terms

    def sections(self, probability: float, size: int = 8) -> list[bool]:
        """Draw for each bar whether a layer plays, by sections of ``size`` bars; it plays in at least one of them."""
        count = -(-self.bars // size)
        active = self.rng.random(count) < probability
        active[int(self.rng.integers(count))] = True
        return [bool(active[bar // size]) for bar in range(self.bars)]

    def during(self, notes: tuple[Note, ...], active: Sequence[bool]) -> tuple[Note, ...]:
        """Keep the notes whose bar is active."""
        bar = 4 * self.beat
        return tuple(note for note in notes if active[min(int(note.start / bar), len(active) - 1)])


def groove(band: Band, bpm: float) -> tuple[Note, ...]:
    """Draw a human drum performance, stretched to a tempo and repeated through the song.

    Args:
        band: The band; its library holds grooves.
        bpm: Tempo in beats per minute.

    Returns:
        Notes with General MIDI drum keys.

    Raises:
        AudioError: The MIDI file cannot be read or is empty.
    """
    grooves = band.library.grooves
    near = [played for played in grooves if 0.8 < played.bpm / bpm < 1.25] or list(grooves)
    drawn = near[int(band.rng.integers(len(near)))]
    notes = tuple(note for part in read_midi(drawn.path) for note in part.notes)
    if not notes:
        raise AudioError(f"{drawn.path}: has no notes; leave it out of its table")
    ratio = drawn.bpm / bpm if 0.6 < drawn.bpm / bpm < 1.6 else 1.0
    bar = 240 / drawn.bpm
    whole = max(int(notes[-1].start / bar), 1) * bar
    played = repeat(crop(notes, 0, whole, ratio), whole * ratio, band.samples / RATE)
    band.note("drums", f"performance {drawn.path.name}", drawn.licence)
    return drums.general_midi(played)


def strike_kit(
    band: Band, notes: tuple[Note, ...], kind: str, *, kick: str | None = None, hertz: float | None = None
) -> Audio:
    """Play drum notes on a randomly chosen kit.

    Args:
        band: The band.
        notes: The notes, with General MIDI drum keys.
        kind: ``machine`` (a synthesised drum machine), ``sampled`` or ``soundfont``. A machine replaces kits and
            soundfonts that the library lacks.
        kick: Kick drum of the machine, see :func:`machines.machine`.
        hertz: Pitch class of that kick.

    Returns:
        Float32 ``(2, samples)``.
    """
    rng = band.rng
    if kind == "soundfont" and band.library.fonts:
        font = band.library.fonts[int(rng.integers(len(band.library.fonts)))]
        program = 0 if font.drums_only else int(rng.choice([0, 0, 8, 16, 24, 25, 25, 32, 40]))
        band.note("drums", f"{font.path.name} kit {program}", font.licence)
        return play(font, tuple(n for n in notes if n.start * RATE < band.samples), band.samples, program, drums=True)
    if kind == "sampled" and band.library.kits:
        folder = band.library.kits[int(rng.integers(len(band.library.kits)))]
        kit = drums.load_kit(folder, rng)
        band.note("drums", kit.name, drums.kit_licence(folder))
    else:
        kit = machine(rng, kick=kick, hertz=hertz)
        band.note("drums", kit.name)
    return drums.strike(kit, notes, band.samples, rng)


def drum_loop(band: Band) -> Audio:
    """Draw a recorded drum loop, resampled to last a power of two of beats and repeated through the song.

    Returns:
        Float32 ``(2, samples)``.

    Raises:
        AudioError: The loop cannot be read.
    """
    drawn = band.library.loops[int(band.rng.integers(len(band.library.loops)))]
    loop = read_audio(drawn.path)
    beats = 2 ** max(round(float(np.log2(loop.shape[-1] / RATE / band.beat))), 1)
    target = beats * band.beat * RATE
    loop = soxr.resample(loop.T, loop.shape[-1], target, quality="HQ").T[:, : round(target)]
    band.note("drums", f"loop {drawn.path.name}", drawn.licence)
    out = np.zeros((2, band.samples), np.float32)
    for i in range(int(np.ceil(band.samples / target))):
        start = round(i * target)
        length = min(loop.shape[-1], band.samples - start)
        out[:, start : start + length] += loop[:, :length]
    return out


def play_synth(band: Band, stem: str, role: str, notes: tuple[Note, ...]) -> Audio:
    """Play notes on a preset or a random patch, with effects.

    Args:
        band: The band.
        stem: The stem that the part belongs to.
        role: One of :data:`patches.ROLES`.
        notes: The notes.

    Returns:
        Float32 ``(2, samples)`` at -20 dB.
    """
    rng = band.rng
    audio = _play_preset(band, stem, role, notes) if rng.random() < 0.6 else None
    if audio is None:
        patch = random_patch(role, rng)
        if patch.wobble and role in ("wobble", "growl"):  # in time with the song
            patch = replace(patch, wobble_rate=float(rng.choice([1, 1.5, 2, 3, 4])) / band.beat)
        audio = synth.perform(patch, notes, band.samples, rng)
        band.note(stem, f"synth {role} ({patch.shape}, {patch.voices} voices)")
    if role in _BASSES:
        if rng.random() < 0.3:
            audio = saturate(audio, rng.uniform(3, 18))
        if stem == "bass" and role != "sub" and rng.random() < 0.12:
            audio = pedalboard.Chorus(rng.uniform(0.2, 1), rng.uniform(0.1, 0.3), 7, 0, 0.3)(audio, RATE)
        return normalise(audio, -20.0)
    wet = 0.9 if role in ("sparse", "bell") else 0.4
    if rng.random() < 0.3:
        time = band.beat * float(rng.choice([0.5, 0.75, 0.25]))
        audio = delay(audio, time, rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.6), ping_pong=bool(rng.random() < 0.6))
    if rng.random() < wet:
        level = rng.uniform(0.1, 0.5)
        audio = pedalboard.Reverb(rng.uniform(0.3, 0.98), rng.uniform(0.1, 0.8), level, 1 - level)(audio, RATE)
    if rng.random() < 0.3:  # a filter that opens and closes over several bars
        turns = band.samples / RATE / (band.beat * float(rng.choice([4, 16, 32, 64])))
        phase = np.linspace(0, 2 * np.pi * turns, band.samples // 2048 + 1) + rng.uniform(0, 6)
        cutoff = rng.uniform(400, 3000) * 2 ** (rng.uniform(0.5, 2.5) * np.sin(phase))
        kind = "high_pass" if rng.random() < 0.15 else "low_pass"
        audio = sweep(audio, kind, cutoff, rng.uniform(0.6, 3))
    if rng.random() < 0.15:
        audio = tremolo(audio, 1 / (band.beat * float(rng.choice([0.25, 0.5, 1, 4]))), 0.7, np.pi)
    return normalise(pan(audio, float(rng.normal(0, 0.3))), -20.0)


def _play_preset(band: Band, stem: str, role: str, notes: tuple[Note, ...]) -> Audio | None:
    """Play notes on a preset for a role; returns ``None`` if there is none or it stays silent."""
    fitting = [preset for preset in band.library.presets if preset.use in _PRESETS.get(role, ())]
    if not (fitting and notes):
        return None
    preset = fitting[int(band.rng.integers(len(fitting)))]
    audio = lmms.play(preset, notes, band.samples)
    if audio is None or not np.isfinite(audio).all() or np.abs(audio).max() < _FAINT:
        return None
    band.note(stem, f"{preset.path.parent.name}: {preset.path.stem}", preset.licence)
    return audio


def play_part(band: Band, stem: str, part: Part) -> Audio:
    """Play a part on a randomly chosen soundfont, with its own program or another one, panned.

    Returns:
        Float32 ``(2, samples)`` at -20 dB.
    """
    rng = band.rng
    fonts = [font for font in band.library.fonts if not font.drums_only]
    if not fonts:
        return play_synth(
            band, stem, "bass" if stem == "bass" else str(rng.choice(["keys", "pad", "lead"])), part.notes
        )
    weights = np.array([0.2 if font.compressed else 1.0 for font in fonts])  # slow to load
    font = fonts[int(rng.choice(len(fonts), p=weights / weights.sum()))]
    program = part.program
    chance = rng.random()
    if chance < 0.4:
        program = program // 8 * 8 + int(rng.integers(8))
    elif chance < 0.6 and stem == "other":
        program = int(rng.integers(0, 96)) % 32 if rng.random() < 0.6 else int(rng.integers(40, 96))
    human = tuple(
        replace(
            note,
            start=max(note.start + rng.normal(0, 0.006), 0.0),
            velocity=int(np.clip(note.velocity * rng.uniform(0.85, 1.15), 1, 127)),
        )
        for note in part.notes
        if note.start * RATE < band.samples
    )
    audio = play(font, human, band.samples, program)
    if 29 <= program <= 31 or (24 <= program < 29 and rng.random() < 0.2):
        # a guitar amplifier: overdrive into a speaker that rolls off
        audio = equalise(saturate(audio, rng.uniform(6, 24)), biquad("low_pass", rng.uniform(3500, 7000)))
    if stem == "other":
        audio = pan(audio, float(np.clip(rng.normal(0, 0.45), -0.9, 0.9)))
    elif rng.random() < 0.3:
        audio = saturate(audio, rng.uniform(3, 15))
    band.note(stem, f"{font.path.name} program {program}", font.licence)
    return normalise(audio, -20.0)


def play_recording(band: Band) -> Audio:
    """Draw a recording for ``other``, resampled by a few semitones; short phrases are repeated.

    Returns:
        Float32 ``(2, samples)`` at -20 dB.

    Raises:
        AudioError: The recording cannot be read.
    """
    rng = band.rng
    long = rng.random() < 0.7
    phrases = band.library.phrases
    fitting = [phrase for phrase in phrases if (_bytes(phrase.path) > _LONG_PHRASE) == long] or list(phrases)
    drawn = fitting[int(rng.integers(len(fitting)))]
    sound = read_audio(drawn.path)
    sound = soxr.resample(sound.T, RATE * 2 ** (int(rng.integers(-4, 4)) / 12), RATE, quality="HQ").T
    out = np.zeros((2, band.samples), np.float32)
    if sound.shape[-1] > band.samples:
        start = int(rng.integers(sound.shape[-1] - band.samples))
        out[:] = sound[:, start : start + band.samples]
    else:
        step = int(np.ceil(sound.shape[-1] / RATE / band.beat / 4) * band.beat * 4 * RATE)
        for start in range(0, band.samples, step * int(rng.choice([1, 1, 2]))):
            length = min(sound.shape[-1], band.samples - start)
            out[:, start : start + length] += sound[:, :length]
    band.note("other", f"recording {drawn.path.name}", drawn.licence)
    return normalise(out, -20.0)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise AudioError(f"{path}: cannot be read: {error.strerror}") from error
