"""Shared by the tests of data: a ``.stem.mp4`` file as in MUSDB18."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import numpy as np
import pytest

RATE = 44100


def write_stem_mp4(path: Path, streams: list[np.ndarray]) -> Path:
    """Write arrays ``(channels, samples)`` as the AAC streams of one file, like stempeg."""
    with av.open(str(path), "w", format="mp4") as output:
        tracks = []
        for _ in streams:
            track = output.add_stream("aac", rate=RATE, layout="stereo")
            track.bit_rate = 256_000
            tracks.append(track)
        for track, block in zip(tracks, streams, strict=True):
            for start in range(0, block.shape[1], 1024):
                part = np.ascontiguousarray(block[:, start : start + 1024], np.float32)
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = RATE, start
                output.mux(track.encode(frame))
            output.mux(track.encode(None))
    return path


def chord(seconds: float, *frequencies: float) -> np.ndarray:
    """Return float32 ``(2, samples)``: sine tones, quieter on the right."""
    time = np.arange(round(seconds * RATE)) / RATE
    tones = sum(0.1 * np.sin(2 * np.pi * frequency * time) for frequency in frequencies)
    return np.stack([tones, 0.5 * tones]).astype(np.float32)


@pytest.fixture(scope="session")
def encoded_song(tmp_path_factory):
    """Encode a ``.stem.mp4`` with a different chord in each stem, once; returns its path and stems."""
    stems = {
        "drums": chord(1.5, 1000, 3000),
        "bass": chord(1.5, 60),
        "other": chord(1.5, 440, 550),
        "vocals": chord(1.5, 700, 2100),
    }
    mixture = sum(stems.values())
    path = tmp_path_factory.mktemp("encoded") / "Artist - Song.stem.mp4"
    return write_stem_mp4(path, [mixture, *stems.values()]), stems


@pytest.fixture
def musdb_song(tmp_path, encoded_song):
    """A copy of the encoded song in a data set; returns its path and stems."""
    encoded, stems = encoded_song
    folder = tmp_path / "musdb18" / "train"
    folder.mkdir(parents=True)
    return Path(shutil.copy(encoded, folder)), stems
