"""Electronic arrangements for synthesisers and drum machines, composed or from a requantised MIDI song."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from partita_songbook import composer, patterns
from partita_songbook.chance import draw
from partita_songbook.effects import RATE, Audio, normalise, sidechain
from partita_songbook.form import Form
from partita_songbook.midi import Note, Part, quantise, transpose
from partita_songbook.players import Band, drum_loop, groove, play_part, play_recording, play_synth, strike_kit
from partita_songbook.styles.band import Backing, add_layer, divide, mean_pitch
from partita_songbook.styles.genres import Genre
from partita_songbook.synth import frequency
from partita_songbook.transitions import bed, transition

__all__ = ["Composition", "compose", "play_electronic", "requantise"]

_KICKS = (35, 36)
_PROGRAMS = (0, 2, 4, 5, 8, 11, 12, 14, 24, 25, 27, 28, 40, 46, 48, 50, 52, 56, 61, 65, 73, 75, 80, 88, 89, 104, 108)


@dataclass(frozen=True)
class Composition:
    """The notes of an electronic song.

    Attributes:
        bass: Returns a bass line in one of the styles of ``composer.BASS_LINES``.
        lines: Returns the notes of a layer with a role.
        tune: The melody that a singer may follow.
        chords: The chords that voices may hold.
    """

    bass: Callable[[str], tuple[Note, ...]]
    lines: Callable[[str], tuple[Note, ...]]
    tune: tuple[Note, ...]
    chords: tuple[Note, ...]


def compose(key: tuple[int, bool], bars: int, beat: float, rng: np.random.Generator) -> Composition:
    """Compose over a loop of chords.

    Args:
        key: Pitch class of the tonic, and whether the key is minor.
        bars: Length.
        beat: Length of a beat in seconds.
        rng: Source of all choices.
    """
    loop = composer.harmony(*key, rng)
    writers = {
        "pluck": composer.arpeggio,
        "lead": composer.melody,
        "sparse": composer.sparse,
        "mallet": composer.arpeggio,
        "bell": composer.sparse if rng.random() < 0.4 else composer.melody,
        "growl": composer.melody,
    }

    def lines(role: str) -> tuple[Note, ...]:
        chance = rng.random()
        if role in ("keys", "organ", "instrument", "stab") and chance < 0.3:
            return composer.arpeggio(loop, bars, beat, rng)
        if role in ("pluck", "instrument") and chance > 0.75:
            return composer.melody(loop, bars, beat, rng)
        return writers.get(role, composer.chords)(loop, bars, beat, rng)

    return Composition(
        lambda style: composer.bass_line(style, loop, bars, beat, rng),
        lines,
        composer.melody(loop, bars, beat, rng),
        composer.chords(loop, bars, beat, rng),
    )


def requantise(parts: list[Part], beat: float, rng: np.random.Generator) -> Composition:
    """Quantise the parts of a MIDI song to sixteenths.

    Args:
        parts: The parts, at least one of them melodic.
        beat: Length of a beat in seconds.
        rng: Source of the part that each layer plays.
    """
    basses, rest = divide([replace(part, notes=quantise(part.notes, beat / 4)) for part in parts])
    rest = rest or basses
    low = tuple(replace(n, pitch=28 + (n.pitch - 28) % 24) for n in basses[0].notes)
    highest = max(rest, key=mean_pitch)
    fullest = max(rest, key=lambda part: len(part.notes) / len({note.start for note in part.notes}))
    return Composition(lambda _: low, lambda _: rest[int(rng.integers(len(rest)))].notes, highest.notes, fullest.notes)


def _drums(band: Band, genre: Genre, form: Form, key: tuple[int, bool]) -> tuple[Audio, tuple[Note, ...]]:
    """Play the drums; returns them and the kicks that drive the side-chain, which may outlast the audible ones."""
    rng, beat = band.rng, band.beat
    source = draw({"pattern": 0.75, "loop": 0.12, "performance": 0.13}, rng)
    if source == "performance" and band.library.grooves:
        hits = groove(band, 60 / beat)
    else:
        name = str(rng.choice(list(genre.patterns)))
        hits = patterns.drum_part(name, band.bars, beat, rng)
        band.note("drums", f"pattern {name}")
    kicks = tuple(note for note in hits if note.pitch in _KICKS)
    hits = band.during(hits, form.playing("drums", rng))
    # some sections use only part of the kit
    keys = sorted({note.pitch for note in hits})
    thin = {section: {k for k in keys if rng.random() < 0.5} for section in ("intro", "build", "break", "outro")}
    section = [thin.get(name, set(keys)) for name in form.sections]
    hits = tuple(n for n in hits if n.pitch in section[min(int(n.start / beat / 4), len(section) - 1)])
    for start, end in zip(form.starts, [*form.starts[1:], len(form.sections)], strict=True):
        if form.sections[start] == "build" and rng.random() < 0.7:
            hits += patterns.snare_roll(start * 4 * beat, end - start, beat)
    hits = tuple(sorted(hits, key=lambda note: note.start))
    out = np.zeros((2, band.samples), np.float32)
    if source == "loop" and band.library.loops:
        out += drum_loop(band)
        hits = tuple(note for note in hits if note.pitch in (36, 38, 39))
    kick = str(rng.choice(list(genre.kicks)))
    hertz = frequency(24 + key[0]) if rng.random() < 0.5 else None
    kind = draw({"machine": 0.66, "sampled": 0.24, "soundfont": 0.1}, rng)
    out += strike_kit(band, hits, kind, kick=kick, hertz=hertz)
    if rng.random() < 0.2:  # a second machine doubles all but the kick
        part = tuple(note for note in hits if note.pitch not in _KICKS)
        out += 0.6 * strike_kit(band, part, "machine")
    return out, kicks


def _bass(band: Band, genre: Genre, form: Form, composition: Composition) -> Audio:
    rng = band.rng
    style = str(rng.choice(list(genre.basses)))
    roles = composer.BASS_LINES[style][0]
    line = band.during(composition.bass(style), form.playing("bass", rng))
    out = np.zeros((2, band.samples), np.float32)
    band.note("bass", f"line {style}")
    if rng.random() < 0.06:
        out += play_part(band, "bass", Part(int(rng.choice([33, 35, 36, 38, 39])), line))
    else:
        out += play_synth(band, "bass", str(rng.choice(list(roles))), line)
    if rng.random() < 0.25:
        add_layer(out, play_synth(band, "bass", "sub", line), rng)
    if rng.random() < 0.15:  # a brighter layer doubles the line
        add_layer(out, 0.5 * play_synth(band, "bass", str(rng.choice(["bass", "fm bass", "acid"])), line), rng)
    return out


def _other(band: Band, genre: Genre, form: Form, composition: Composition) -> Audio:
    rng = band.rng
    out = np.zeros((2, band.samples), np.float32)
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.2, 0.27, 0.27, 0.17, 0.09]))
    for _ in range(count):
        role = draw(genre.layers, rng)
        active = form.playing("layer", rng)
        if role == "bed":
            add_layer(out, 0.3 * bed(band.samples, band.beat, rng), rng)
            band.note("other", "noise bed")
        elif role == "guitar" and band.library.phrases:
            add_layer(out, 0.7 * play_recording(band), rng)
        elif role == "drone":
            chords = band.during(composition.chords, active)
            add_layer(out, play_synth(band, "other", role, chords), rng)
        else:
            notes = band.during(composition.lines(role), active)
            if rng.random() < 0.2:  # in the register of the bass
                notes = transpose(notes, -12)
            if rng.random() < 0.4:  # only in single bars or pairs of bars
                notes = band.during(notes, band.sections(0.4, int(rng.choice([1, 2]))))
            if role in ("instrument", "guitar") or (role == "sparse" and rng.random() < 0.5):
                add_layer(out, play_part(band, "other", Part(int(rng.choice(_PROGRAMS)), notes)), rng)
            else:
                patch = str(rng.choice(["keys", "bell", "pluck", "stab"])) if role == "sparse" else role
                add_layer(out, play_synth(band, "other", patch, notes), rng)
    return out


def _transitions(band: Band, form: Form) -> dict[str, Audio]:
    """Render risers before sections and impacts at their start, by the stem that they belong to."""
    rng, bar = band.rng, 4 * band.beat
    out = {stem: np.zeros((2, band.samples), np.float32) for stem in ("drums", "other")}
    if rng.random() < 0.35:
        return out
    sounds: dict[str, Audio] = {}
    for start in form.starts[1:]:
        for kind in rng.choice(["riser", "tone riser", "reversed", "downlifter", "impact", "zap"], 2, replace=False):
            if rng.random() < 0.5:
                continue
            length = bar * float(rng.choice([1, 2, 4])) if kind != "zap" else band.beat
            sound = sounds.setdefault(str(kind), transition(str(kind), length, rng))
            before = kind in ("riser", "tone riser", "reversed")
            at = int(start * bar * RATE) - (sound.shape[-1] if before else 0)
            if at < 0 or at >= band.samples:
                continue
            stem = "drums" if kind != "tone riser" and rng.random() < 0.4 else "other"
            span = min(sound.shape[-1], band.samples - at)
            out[stem][:, at : at + span] += sound[:, :span] * np.float32(10 ** (rng.uniform(-22, -10) / 20))
            band.note(stem, str(kind))
    return out


def play_electronic(band: Band, genre: Genre, form: Form, composition: Composition, key: tuple[int, bool]) -> Backing:
    """Play a composition in a genre.

    Args:
        band: The band.
        genre: What drums, bass and layers are drawn from.
        form: Which layers play when.
        composition: The notes.
        key: Pitch class of the tonic, and whether the key is minor.

    Raises:
        AudioError: A file of the material cannot be read.
        ConfigError: An installed instrument fails.
    """
    rng = band.rng
    drums, kicks = _drums(band, genre, form, key)
    stems = {"drums": normalise(drums, -20.0), "bass": _bass(band, genre, form, composition)}
    stems["other"] = normalise(_other(band, genre, form, composition), -20.0)
    for stem, audio in _transitions(band, form).items():
        stems[stem] = stems[stem] + audio
    if rng.random() < genre.pump and kicks:
        depth, release = rng.uniform(0.3, 1.0), band.beat * rng.uniform(0.35, 0.95)
        gain = sidechain(band.samples, np.array(sorted({note.start for note in kicks})), depth, release)
        band.note("effects", f"side-chain, depth {depth:.2f}")
        for stem in ("bass", "other") if rng.random() < 0.75 else ("other",):
            stems[stem] = stems[stem] * gain
    return Backing(stems, composition.tune, composition.chords)
