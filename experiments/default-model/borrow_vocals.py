"""Give songs without vocals those of other songs: cheaper than singing over them, and stems are remixed anyway.

python experiments/default-model/borrow_vocals.py BACKINGS SINGERS OUTPUT

BACKINGS holds songs of drums, bass and other, as modules.py writes them, and SINGERS songs with vocals, as the songbook
renders them. The vocals of songs drawn at random fill the length of the backing, at a level drawn around that of its
loudest stem. OUTPUT/SONG holds all four stems, their sum not above 0.98. Existing songs are kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from partita.system.allocator import keep_freed_memory
from partita.system.atomic import atomic_path

Array = npt.NDArray[np.float32]

BACKING = ("drums", "bass", "other")
_SILENCE = 1e-3  # peak


def _read(path: Path) -> tuple[Array, int]:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return audio, rate


def level(audio: Array) -> float:
    """Return the RMS of the louder half of the seconds, so that pauses do not count."""
    frame = 44100
    seconds = (audio[: max(len(audio) // frame, 1) * frame] ** 2).mean(1)
    power = np.sort(seconds[: len(seconds) // frame * frame].reshape(-1, frame).mean(1))
    return float(np.sqrt(power[len(power) // 2 :].mean() + 1e-12))


def main() -> None:
    """Write the songs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backings", type=Path)
    parser.add_argument("singers", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    keep_freed_memory()
    singers = sorted(options.singers.glob("[!.]*/vocals.flac"))
    for folder in sorted(path for path in options.backings.iterdir() if path.is_dir()):
        output = options.output / folder.name
        if output.exists():
            continue
        rng = np.random.default_rng([options.seed, *folder.name.encode()])
        stems = {}
        for stem in BACKING:
            stems[stem], rate = _read(folder / f"{stem}.flac")
        samples = len(stems["drums"])
        vocals = np.zeros((0, 2), np.float32)
        while len(vocals) < samples:
            sung, _ = _read(singers[int(rng.integers(len(singers)))])
            if np.abs(sung).max() > _SILENCE:
                vocals = np.concatenate([vocals, sung / np.float32(level(sung))])
        loudest = max(level(audio) for audio in stems.values())
        stems["vocals"] = vocals[:samples] * np.float32(loudest * 10 ** (rng.normal(0, 3) / 20))
        peak = max(float(np.abs(audio).max()) for audio in (sum(stems.values()), *stems.values()))
        gain = np.float32(min(1.0, 0.98 / peak))
        with atomic_path(output) as partial:
            partial.mkdir()
            for stem, audio in stems.items():
                soundfile.write(partial / f"{stem}.flac", audio * gain, rate, subtype="PCM_16", compression_level=0.0)
        print(output, flush=True)


if __name__ == "__main__":
    main()
