"""What the tests of this room share: a file as MUSDB18 has them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

RATE = 44100


def write_stem_mp4(path: Path, streams: list[np.ndarray]) -> Path:
    """Write arrays ``(channels, samples)`` as AAC streams of one file, as stempeg does."""
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
    """Return float32 ``(2, samples)``: tones, softer on the right."""
    time = np.arange(round(seconds * RATE)) / RATE
    tones = sum(0.1 * np.sin(2 * np.pi * frequency * time) for frequency in frequencies)
    return np.stack([tones, 0.5 * tones]).astype(np.float32)


@pytest.fixture
def musdb_song(tmp_path):
    """A ``.stem.mp4`` with another chord in each stem; returns its path and stems."""
    stems = {
        "drums": chord(1.5, 1000, 3000),
        "bass": chord(1.5, 60),
        "other": chord(1.5, 440, 550),
        "vocals": chord(1.5, 700, 2100),
    }
    folder = tmp_path / "musdb18" / "train"
    folder.mkdir(parents=True)
    mixture = sum(stems.values())
    return write_stem_mp4(folder / "Artist - Song.stem.mp4", [mixture, *stems.values()]), stems
