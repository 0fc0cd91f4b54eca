"""Shared by the tests of audio: a signal, a cover, and files of the formats that only FFmpeg writes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture(scope="session")
def music():
    """Return ``music(samples, rate, channels)``: chords that change twice a second, different in every channel."""

    def make(samples: int, rate: int = 44100, channels: int = 2) -> np.ndarray:
        generator = np.random.default_rng(1)
        time = np.arange(samples) / rate
        block = np.zeros((channels, samples))
        for start in range(0, samples, rate // 2):
            span = slice(start, start + rate // 2)
            fade = np.exp(-4 * (time[span] - time[start]))
            for frequency in generator.uniform(100, min(3000, rate / 3), 4):
                phases = generator.uniform(0, 2 * np.pi, (channels, 1))
                block[:, span] += 0.1 * fade * np.sin(2 * np.pi * frequency * time[span] + phases)
        return block.astype(np.float32)

    return make


@pytest.fixture(scope="session")
def cover():
    """Return ``cover(kind)``, the content of a small picture file, ``png`` or ``jpeg``."""

    def make(kind: str) -> bytes:
        codec, pixels = ("mjpeg", "yuvj420p") if kind == "jpeg" else ("png", "rgb24")
        content = io.BytesIO()
        with av.open(content, "w", format="image2pipe") as output:
            picture = output.add_stream(codec, rate=1, width=32, height=32, pix_fmt=pixels)
            colours = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(colours, format="rgb24").reformat(format=pixels)
            output.mux(picture.encode(frame))
            output.mux(picture.encode(None))
        return content.getvalue()

    return make


@pytest.fixture
def write_av(tmp_path: Path) -> Callable[..., Path]:
    """Return ``write_av(name, block, rate, codec, ...)``, which encodes a file with FFmpeg's libraries."""

    def write(
        name: str,
        block: np.ndarray,
        rate: int,
        codec: str,
        *,
        layout: str = "stereo",
        container: str | None = None,
        picture: bool = False,
        **options: str,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", format=container, options=options) as output:
            if picture:
                screen = output.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")
            sound = output.add_stream(codec, rate=rate, layout=layout)
            sound.bit_rate = 96_000 * block.shape[0]
            if picture:
                for _ in range(30):
                    output.mux(screen.encode(av.VideoFrame(32, 32, "yuv420p")))
                output.mux(screen.encode(None))
            for start in range(0, block.shape[1], 1024):
                packed = np.ascontiguousarray(block[:, start : start + 1024].T).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
                frame.sample_rate, frame.pts = rate, start
                output.mux(sound.encode(frame))
            output.mux(sound.encode(None))
        return path

    return write
