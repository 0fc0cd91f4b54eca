"""Render tracker modules to stems of drums, bass and other, for training or as a ruler.

python experiments/default-model/modules.py MODULES OUTPUT [--pictures FOLDER] [--only valid]

libopenmpt (Debian: libopenmpt0) plays a module once for each of its instruments, with all others muted; the parts add
up to the mix, which is checked. An instrument's stem is decided by its name, by its notes (drums are played at one or
a few pitches) and by its sound (pitch, decay, band). What stays unclear is left out of the song.

OUTPUT/train and OUTPUT/valid hold SONG/{drums,bass,other}.flac, the sum of the stems not above 0.98, and
OUTPUT/instruments.csv a line for each instrument. The modules of HELD_OUT, whole packages so that no samples are
shared, are the ruler and never trained on.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy import signal

from partita.system.allocator import keep_freed_memory
from partita.system.atomic import atomic_path

Array = npt.NDArray[np.float32]

RATE = 44100
LONGEST = 300  # seconds
HELD_OUT = {  # folders whose modules are set aside, 20 in all; circuslinux' hiscreen.mod, 2 kB, is left out altogether
    "debian_circuslinux-data",
    "debian_criticalmass-data",
    "debian_gltron",
    "debian_njam-data",
    "debian_open-invaders-data",
    "debian_ri-li-data",
    "debian_solarwolf",
    "debian_tomatoes-data",
    "debian_vectoroids",
}
SKIPPED = {"hiscreen", "testdrumloop"}
_LEAST_RATIO = 10  # dB of the stems' sum against the mix: random volumes of a module differ from playing to playing
SUFFIXES = {".mod", ".xm", ".it", ".s3m"}

_DRUMS = re.compile(
    r"kick|\bbd|bassdr|bass ?drum|snare|\bsn\b|\bsd\b|snr|hi-?hat|hihat|\bhh|\bhat|clap|\btoms?\b|cymb|crash|\bride\b|"
    r"perc|drum|shak|tamb|conga|bongo|\brim|cowbell|clave|break|timbale|maracas|agogo|timpani",
    re.I,
)
_BASS = re.compile(r"bass(?! ?dr)|\bbas\b|slap", re.I)
_OTHER = re.compile(
    r"piano|string|guitar|gtr|lead|\bpad|organ|flute|chord|brass|synth|harp|bell|sax|trump|violin|marimba|xylo|accord|"
    r"clav|rhodes|epiano|solo|arp|square|saw\b|clarinet|oboe|horn|mallet|vibra|sitar|banjo",
    re.I,
)
_VOICE = re.compile(r"vox|voice|choir|vocal|\bsing|speech|\btalk|aah|ooh|scream|laugh", re.I)


class _Interactive(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            *("set_speed", "set_tempo", "set_tempo_factor", "get_tempo_factor", "set_pitch_factor"),
            *("get_pitch_factor", "set_global_volume", "get_global_volume", "set_channel_volume"),
            *("get_channel_volume", "set_channel_mute", "get_channel_mute", "set_instrument_mute"),
            *("get_instrument_mute", "play_note", "stop_note"),
        )
    ]


def _library() -> ctypes.CDLL:
    c, lib = ctypes, ctypes.CDLL("libopenmpt.so.0")
    lib.openmpt_module_ext_create_from_memory.restype = c.c_void_p
    lib.openmpt_module_ext_create_from_memory.argtypes = [c.c_char_p, c.c_size_t] + [c.c_void_p] * 7
    lib.openmpt_module_ext_get_module.restype = c.c_void_p
    lib.openmpt_module_ext_get_module.argtypes = [c.c_void_p]
    lib.openmpt_module_ext_destroy.argtypes = [c.c_void_p]
    lib.openmpt_module_ext_get_interface.argtypes = [c.c_void_p, c.c_char_p, c.c_void_p, c.c_size_t]
    for what in ("instruments", "samples", "channels", "orders", "patterns"):
        getattr(lib, f"openmpt_module_get_num_{what}").argtypes = [c.c_void_p]
    for what in ("instrument", "sample"):
        function = getattr(lib, f"openmpt_module_get_{what}_name")
        function.argtypes, function.restype = [c.c_void_p, c.c_int32], c.c_char_p
    lib.openmpt_module_get_order_pattern.argtypes = [c.c_void_p, c.c_int32]
    lib.openmpt_module_get_pattern_num_rows.argtypes = [c.c_void_p, c.c_int32]
    lib.openmpt_module_get_pattern_row_channel_command.argtypes = [c.c_void_p] + [c.c_int32] * 3 + [c.c_int]
    lib.openmpt_module_get_pattern_row_channel_command.restype = c.c_uint8
    lib.openmpt_module_set_render_param.argtypes = [c.c_void_p, c.c_int, c.c_int32]
    lib.openmpt_module_set_repeat_count.argtypes = [c.c_void_p, c.c_int32]
    lib.openmpt_module_read_interleaved_float_stereo.argtypes = [c.c_void_p, c.c_int32, c.c_size_t, c.c_void_p]
    lib.openmpt_module_read_interleaved_float_stereo.restype = c.c_size_t
    return lib


@dataclass
class Instrument:
    """What an instrument is called and plays: its notes count how often each was struck."""

    name: str
    notes: dict[int, int]


class Module:
    """A module in memory, opened anew for each rendering."""

    def __init__(self, path: Path) -> None:
        self._lib = _library()
        self._data = path.read_bytes()
        # Amiga's and many of ST3's channels are panned hard, which records hardly ever are.
        self._separation = 40 if path.suffix.lower() in {".mod", ".s3m"} else 80
        handle, module = self._open()
        lib = self._lib
        count = lib.openmpt_module_get_num_instruments(module)
        kind = "instrument" if count else "sample"
        count = count or lib.openmpt_module_get_num_samples(module)
        name = getattr(lib, f"openmpt_module_get_{kind}_name")
        self.instruments = [Instrument(name(module, i).decode("utf8", "replace").strip(), {}) for i in range(count)]
        self._count_notes(module)
        lib.openmpt_module_ext_destroy(handle)

    def render(self, solo: int | None = None) -> Array:
        """Return float32 ``(samples, 2)``, of one instrument or of all."""
        lib, c = self._lib, ctypes
        handle, module = self._open()
        lib.openmpt_module_set_repeat_count(module, 0)
        lib.openmpt_module_set_render_param(module, 2, self._separation)
        if solo is not None:
            table = _Interactive()
            assert lib.openmpt_module_ext_get_interface(handle, b"interactive", c.byref(table), c.sizeof(table))
            mute = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int32, c.c_int)(table.set_instrument_mute)
            for i in range(len(self.instruments)):
                mute(handle, i, int(i != solo))
        blocks, left = [], LONGEST * RATE
        buffer = np.empty((RATE, 2), np.float32)
        while left > 0:
            got = lib.openmpt_module_read_interleaved_float_stereo(module, RATE, min(RATE, left), buffer.ctypes.data)
            if not got:
                break
            blocks.append(buffer[:got].copy())
            left -= got
        lib.openmpt_module_ext_destroy(handle)
        return np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)

    def _open(self) -> tuple[int, int]:
        none = [None] * 7
        handle = self._lib.openmpt_module_ext_create_from_memory(self._data, len(self._data), *none)
        if not handle:
            raise ValueError("not a module")
        return handle, self._lib.openmpt_module_ext_get_module(handle)

    def _count_notes(self, module: int) -> None:
        lib = self._lib
        cell = lib.openmpt_module_get_pattern_row_channel_command
        channels = lib.openmpt_module_get_num_channels(module)
        current = [0] * channels
        patterns = lib.openmpt_module_get_num_patterns(module)
        for order in range(lib.openmpt_module_get_num_orders(module)):
            pattern = lib.openmpt_module_get_order_pattern(module, order)
            if not 0 <= pattern < patterns:
                continue
            for row in range(lib.openmpt_module_get_pattern_num_rows(module, pattern)):
                for channel in range(channels):
                    note = cell(module, pattern, row, channel, 0)
                    current[channel] = cell(module, pattern, row, channel, 1) or current[channel]
                    if 0 < note <= 120 and 0 < current[channel] <= len(self.instruments):
                        notes = self.instruments[current[channel] - 1].notes
                        notes[note] = notes.get(note, 0) + 1


@dataclass
class Sound:
    """What an instrument's part sounds like.

    Attributes:
        level: RMS in dB relative to the mix.
        pitch: Median fundamental of voiced frames in Hz, 0 where hardly any frame is voiced.
        voiced: Share of sounding frames with a stable period.
        low: Share of the energy below 200 Hz.
        high: Share of the energy above 4 kHz.
        decay: Seconds in which the envelope falls by 15 dB after an onset, median.
        flat: Spectral flatness of sounding frames, median.
    """

    level: float
    pitch: float
    voiced: float
    low: float
    high: float
    decay: float
    flat: float


def listen(part: Array, mix_level: float) -> Sound:
    """Measure a part, over its loudest minute."""
    mono = part.mean(1)
    level = 20 * np.log10(np.sqrt(np.mean(part**2)) + 1e-9) - mix_level
    seconds = (mono[: len(mono) // RATE * RATE] ** 2).reshape(-1, RATE).sum(1)
    loudest = np.argmax(np.convolve(seconds, np.ones(min(60, len(seconds))), "valid"))
    mono = mono[loudest * RATE : (loudest + 60) * RATE]
    frame, hop = 4096, 1024
    if len(mono) < 4 * frame:
        return Sound(float(level), 0, 0, 0, 0, 0, 0)
    frames = np.lib.stride_tricks.sliding_window_view(mono, frame)[::hop]
    energy = (frames**2).mean(1)
    loud = np.flatnonzero(energy > 0.02 * energy.max())
    loud = loud[:: max(1, len(loud) // 300)]
    windowed = frames[loud] * np.hanning(frame)
    power = np.abs(np.fft.rfft(windowed, 2 * frame)) ** 2
    frequency = np.fft.rfftfreq(2 * frame, 1 / RATE)
    total = power.sum() + 1e-12
    autocorrelation = np.fft.irfft(power)[:, : frame // 2]
    shape = np.correlate(np.hanning(frame), np.hanning(frame), "full")[frame - 1 :][: frame // 2]
    normal = autocorrelation / (autocorrelation[:, :1] + 1e-12) / (shape / shape[0])
    shortest, longest = RATE // 1500, RATE // 30
    region = normal[:, :longest]
    # the first period whose peak is nearly as high as the highest
    voiced, pitches = [], []
    for row in region:
        below = np.flatnonzero(row[: longest - 1] < 0.5)
        start = max(shortest, int(below[0])) if len(below) else longest
        if start >= longest - 2:
            voiced.append(False)
            continue
        best = row[start:].max()
        first = start + int(np.argmax(row[start:] >= 0.93 * best))
        peak = first + int(np.argmax(row[first : first + 40]))
        voiced.append(bool(best > 0.85))
        if best > 0.85:
            pitches.append(RATE / peak)
    band = power[:, (frequency > 100) & (frequency < 12000)] + 1e-12
    flat = np.exp(np.log(band).mean(1)) / band.mean(1)
    envelope = np.sqrt((mono[: len(mono) // 441 * 441] ** 2).reshape(-1, 441).mean(1))  # every 10 ms
    rise = np.diff(np.log(envelope + 1e-4 * envelope.max()), prepend=0)
    onsets, _ = signal.find_peaks(rise, height=0.5, distance=6)
    decays = []
    for onset in onsets[:400]:
        tail = envelope[onset : onset + 200]
        top = int(np.argmax(tail[:8]))
        under = np.flatnonzero(tail[top:] < 0.18 * tail[top])
        decays.append((under[0] if len(under) else 200) / 100)
    return Sound(
        float(level),
        float(np.median(pitches)) if np.mean(voiced) > 0.2 else 0.0,
        float(np.mean(voiced)),
        float(power[:, frequency < 200].sum() / total),
        float(power[:, frequency > 4000].sum() / total),
        float(np.median(decays)) if decays else 2.0,
        float(np.median(flat)),
    )


def sort(instrument: Instrument, sound: Sound) -> tuple[str, str]:
    """Return an instrument's stem, or ``unclear``, and the reason."""
    name, notes = instrument.name, instrument.notes
    struck = sum(notes.values())
    common = sum(count >= 0.08 * struck for count in notes.values())  # pitches it is played at often
    if _VOICE.search(name):
        return "unclear", "voice by name"
    noisy = sound.flat > 0.05 or (sound.voiced < 0.1 and sound.flat > 0.015)
    thump = sound.low > 0.6 and sound.decay < 0.35 and (len(notes) == 1 or sound.flat > 0.008)
    if _DRUMS.search(name) and (common <= 4 or noisy):
        return "drums", "name"
    if _BASS.search(name):
        deep = sound.low > 0.3 and sound.pitch < 200
        return ("bass", "name") if deep else ("unclear", "bass by name, not by sound")
    if _OTHER.search(name):
        high = sound.flat < 0.05 and sound.low < 0.5 and common > 1
        return ("other", "name") if high else ("unclear", "other by name, not by sound")
    if struck < 4:
        return "unclear", "hardly played"
    if common <= 2 and len(notes) <= 5 and sound.decay < 0.6 and (noisy or thump):
        return "drums", "sound"
    if common <= 4 and noisy and sound.decay < 0.45 and sound.voiced < 0.3:
        return "drums", "sound"
    if common >= 3 and 0 < sound.pitch < 120 and sound.low > 0.5 and sound.voiced > 0.4:
        return "bass", "sound"
    if common >= 3 and struck >= 20 and sound.pitch < 125 and sound.low > 0.7 and sound.flat < 0.003:
        return "bass", "deep"  # short or distorted notes have no stable period
    if common >= 3 and sound.voiced > 0.4 and sound.pitch > 140 and sound.low < 0.5:
        return "other", "sound"
    if common >= 3 and sound.low < 0.3 and sound.flat < 0.03:
        return "other", "chords"  # samples of chords have no single period
    return "unclear", "sound"


def picture(parts: dict[str, Array], path: Path) -> None:
    """Draw the spectrogram of 15 s of each stem and of what is left out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(parts), 1, figsize=(9, 2 * len(parts)), sharex=True)
    for axis, (stem, audio) in zip(axes, parts.items(), strict=True):
        middle = max(0, len(audio) // 2 - 8 * RATE)
        _, _, values = signal.stft(audio[middle : middle + 15 * RATE].mean(1), RATE, nperseg=2048, noverlap=1536)
        shown = 20 * np.log10(np.abs(values) + 1e-5)
        axis.imshow(shown[:400], origin="lower", aspect="auto", vmin=-100, vmax=-20)
        axis.set_ylabel(stem)
    figure.suptitle(path.stem)
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    pyplot.close(figure)


def split_of(path: Path) -> str:
    """Return the split a module belongs to by the package it is of."""
    return "valid" if path.parent.name in HELD_OUT else "train"


def convert(path: Path, output: Path, pictures: Path | None) -> list[list[object]]:
    """Render a module; return a row for each instrument."""
    split = split_of(path)
    song = f"{path.parent.name.split('_')[1].removesuffix('-data')}-{path.stem}"
    module = Module(path)
    mix = module.render()
    if len(mix) < 15 * RATE:
        return [[split, song, "", "", "too short"]]
    mix_level = 20 * np.log10(np.sqrt(np.mean(mix**2)) + 1e-9)
    parts = {stem: np.zeros_like(mix) for stem in ("drums", "bass", "other", "unclear")}
    rows: list[list[object]] = []
    total = np.zeros_like(mix)
    for index, instrument in enumerate(module.instruments):
        if not instrument.notes:
            continue
        part = np.zeros_like(mix)
        played = module.render(index)[: len(mix)]
        part[: len(played)] = played
        total += part
        sound = listen(part, mix_level)
        if sound.level < -45:
            continue
        stem, why = sort(instrument, sound)
        parts[stem] += part
        common = len(instrument.notes), sum(instrument.notes.values())
        measured = [round(value, 3) for value in vars(sound).values()]
        rows.append([split, song, instrument.name, stem, why, *common, *measured])
    ratio = 10 * np.log10(np.sum(mix**2) / (np.sum((mix - total) ** 2) + 1e-12))
    rows.append([split, song, "", "sum", round(float(ratio), 1)])
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        picture(parts, pictures / f"{song}.png")
    stems = {stem: parts[stem] for stem in ("drums", "bass", "other")}
    peak = float(np.abs(sum(stems.values())).max())
    if ratio < _LEAST_RATIO or peak == 0:
        return rows
    gain = min(1.0, 0.98 / max(peak, *(float(np.abs(audio).max()) for audio in stems.values())))
    folder = output / split / song
    shutil.rmtree(folder, ignore_errors=True)
    with atomic_path(folder) as partial:
        partial.mkdir()
        for stem, audio in stems.items():
            soundfile.write(partial / f"{stem}.flac", audio * gain, RATE, subtype="PCM_16", compression_level=0.0)
    return rows


def main() -> None:
    """Convert all modules."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--only", choices=["train", "valid"], help="only the modules of one split")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    paths = sorted(path for path in options.modules.rglob("*") if path.suffix.lower() in SUFFIXES)
    header = ["split", "song", "instrument", "stem", "why", "pitches", "notes", *Sound.__annotations__]
    with (options.output / "instruments.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        for path in paths:
            if path.stem in SKIPPED or options.only not in (None, split_of(path)):
                continue
            table.writerows(convert(path, options.output, options.pictures))
            file.flush()
            print(path, flush=True)


if __name__ == "__main__":
    main()
