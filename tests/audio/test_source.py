from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import given
from hypothesis import strategies as st

from partita.audio import ArraySource, AudioReader, SliceSource, Source, SumSource, open_source
from partita.errors import AudioError, ConfigError

RATE = 44100


@pytest.fixture
def temporary(tmp_path_factory, monkeypatch) -> Path:
    """An empty folder in which temporary files are made."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def wav(tmp_path, music) -> Path:
    path = tmp_path / "song.wav"
    sf.write(path, music(RATE).T, RATE, subtype="FLOAT")
    return path


def read(source: Source, size: int = 65536) -> np.ndarray:
    return np.concatenate([np.zeros((source.channels, 0), np.float32), *source.blocks(size)], axis=1)


# Files, their content and file objects


def test_a_source_is_returned_unchanged():
    source = ArraySource([0.5], RATE)
    assert open_source(source) is source


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path(kind, wav, music):
    source = open_source(kind(wav))
    assert isinstance(source, AudioReader)
    assert np.array_equal(read(source), music(RATE))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_content_of_a_file(kind, wav, music, temporary):
    source = open_source(kind(wav.read_bytes()))
    assert source.name == "<bytes>"
    for _ in range(2):
        assert np.array_equal(read(source), music(RATE))
    assert len(list(temporary.iterdir())) == 1
    del source
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_a_file_object(wav, music):
    with wav.open("rb") as file:
        source = open_source(file, channels=1)
    assert source.name == str(wav)
    assert np.allclose(read(source), music(RATE).mean(axis=0), atol=1e-7)
    assert open_source(io.BytesIO(wav.read_bytes())).name == "<BytesIO>"


def test_a_format_that_only_ffmpeg_reads(write_av, music):
    source = music(20000)
    path = write_av("song.m4a", source, RATE, "alac")
    assert np.abs(read(open_source(path.read_bytes())) - source).max() <= 2**-15


def test_a_pipe_that_returns_short_reads(wav, music):
    class Pipe:
        def __init__(self) -> None:
            self.file = io.BytesIO(wav.read_bytes())

        def read(self, size: int = -1) -> bytes:
            return self.file.read(min(size, 1000))

    source = open_source(Pipe())
    assert source.name == "<Pipe>"
    assert np.array_equal(read(source), music(RATE))


STDIN = """
import sys
from partita.audio import open_source
source = open_source(sys.stdin.buffer)
print(source.name, sum(block.shape[1] for block in source.blocks()))
"""


def test_standard_input_and_the_end_of_the_process(wav, tmp_path_factory):
    folder = tmp_path_factory.mktemp("temporary")
    with wav.open("rb") as file:
        run = subprocess.run(
            [sys.executable, "-c", STDIN],
            stdin=file,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    assert run.stdout == f"<stdin> {RATE}\n"
    assert list(folder.iterdir()) == []


def test_messages_do_not_show_the_temporary_file(temporary, wav):
    refused = {b"": "<bytes>: the file is empty", b"no music" * 100: "<bytes>: this is not an audio file"}
    for content, message in refused.items():
        with pytest.raises(AudioError, match=message) as caught:
            open_source(content)
        assert str(temporary) not in str(caught.value)
    assert list(temporary.iterdir()) == []
    content = wav.read_bytes()
    source = open_source(content[: len(content) // 2])
    read(source)
    assert source.warnings == ["<bytes>: the file is damaged or ends early: 0.5 s of 1.0 s could be decoded"]


def test_file_objects_that_cannot_be_read(wav, temporary):
    with pytest.raises(AudioError, match="<StringIO>: is opened as text; open it in binary mode, 'rb'"):
        open_source(io.StringIO("text"))
    with wav.open("rb") as file:
        pass
    with pytest.raises(AudioError, match=r"song\.wav: cannot be read \(read of closed file\)"):
        open_source(file)
    assert list(temporary.iterdir()) == []


# Arrays


def test_arrays():
    samples = np.arange(10, dtype=np.float64).reshape(2, 5) / 10
    source = open_source(samples, RATE)
    assert (source.sample_rate, source.channels, source.warnings) == (RATE, 2, [])
    assert [block.shape for block in source.blocks(2)] == [(2, 2), (2, 2), (2, 1)]
    assert read(source).dtype == np.float32
    assert np.array_equal(read(source), samples.astype(np.float32))
    assert read(open_source(samples[0], RATE)).shape == (1, 5)
    assert read(open_source(samples, RATE, 1)).tolist() == [pytest.approx(samples.mean(axis=0))]
    assert read(open_source([[0.5, 0.25]], np.int64(RATE))).tolist() == [[0.5, 0.25]]
    assert read(open_source(torch.tensor([[0.5, 0.25]]), RATE)).tolist() == [[0.5, 0.25]]
    assert read(open_source(np.ones((6, 100), np.float16), RATE)).shape == (6, 100)


REFUSED = {
    "soundfile's layout": (np.zeros((441000, 2)), r"this one is \(441000, 2\): pass x\.T"),
    "integers": (np.zeros((2, 9), np.int16), r"not int16: divide integers by their full scale, x / 32768"),
    "32-bit integers": (np.zeros((2, 9), np.int32), r"x / 2147483648"),
    "unsigned integers": (np.zeros((2, 9), np.uint8), r"not uint8: .*, \(x - 128\) / 128"),
    "a list of integers": ([1, 2, 3], "not int64: divide integers"),
    "no samples": (np.zeros((2, 0)), r"the array \(2, 0\) is empty: pass at least one sample"),
    "an empty list": ([], "is empty"),
    "a ragged list": ([[0.1], [0.1, 0.2]], "this list is not an array of samples"),
    "objects": (np.array([object()]), "must hold floats, not Python objects"),
    "nothing": (None, "must hold floats, not Python objects: pass samples, a path, bytes or a"),
    "a dictionary": ({}, "must hold floats, not Python objects"),
    "text": (["a"], "must hold floats, not <U1 values"),
    "complex": (np.zeros((2, 9), complex), "must hold floats, not complex128 values"),
    "booleans": (np.zeros((2, 9), bool), "must hold floats, not bool values"),
    "a batch": (np.zeros((1, 2, 9)), r"this one is \(1, 2, 9\): pass one track, x\[0\]"),
    "a number": (0.5, r"this one is \(\)"),
    "NaN": ([0.1, np.nan], r"NaN or infinite samples: replace them, for example by np\.nan_to_num\(x\)"),
    "infinity": ([0.1, np.inf], "NaN or infinite"),
    "beyond float32": ([1e300], "NaN or infinite"),
    "gradients": (torch.zeros(2, 9, requires_grad=True), r"this Tensor is not an array of samples \(.*detach"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arrays_that_are_not_audio(case):
    samples, message = REFUSED[case]
    with pytest.raises(AudioError, match=message) as caught:
        open_source(samples, RATE)
    assert "\n" not in str(caught.value)


def test_short_multichannel_arrays_are_not_taken_for_transposed():
    assert open_source(np.zeros((32, 2)), RATE).channels == 32
    assert open_source(np.zeros((33, 33)), RATE).channels == 33


@pytest.mark.parametrize("rate", [0, -1, 768_001, True, 44100.0, np.nan, np.inf, "44100", [44100], np.float64(8000)])
def test_sample_rates_that_are_invalid(rate):
    with pytest.raises(ConfigError, match="sample_rate: must be a whole number of Hz from 1 to 768000, not"):
        open_source(np.zeros(9), rate)


def test_an_array_without_a_sample_rate():
    with pytest.raises(AudioError, match="an array has no sample rate of its own; pass sample_rate"):
        open_source(np.zeros(9))


# Sums and slices


def test_the_sum_of_sources():
    one, other = ArraySource([[0.5, 0.25, 0.125]], RATE), ArraySource([[0.5]], RATE)
    one.warnings, other.warnings = ["first"], ["second"]
    total = SumSource([one, other])
    assert read(total, 2).tolist() == [[1, 0.25, 0.125]]
    assert total.warnings == ["first", "second"]
    with pytest.raises(AudioError, match="cannot add 1 channels at 48000 Hz to 1 channels at 44100 Hz; convert one"):
        SumSource([one, ArraySource([0.5], 48000)])


@given(st.integers(0, 300), st.integers(1, 400), st.integers(1, 100))
def test_a_slice_is_exact(start, length, size):
    rate = 100
    whole = np.arange(1, 401, dtype=np.float32)[None] / 1000
    part = SliceSource(ArraySource(whole, rate), start / rate, length / rate)
    assert (part.sample_rate, part.channels) == (rate, 1)
    blocks = list(part.blocks(size))
    assert all(block.shape[1] == size for block in blocks[:-1])
    assert np.array_equal(np.concatenate(blocks, axis=1), whole[:, start : start + length])


def test_a_slice_of_a_file(wav, music):
    source = open_source(wav)
    assert np.array_equal(read(SliceSource(source)), music(RATE))
    assert np.array_equal(read(SliceSource(source, 0.75)), music(RATE)[:, 33075:])
    part = SliceSource(source, 0.25, 0.5)
    for _ in range(2):
        assert np.array_equal(read(part), music(RATE)[:, 11025:33075])
    source.warnings.append("damaged")
    assert part.warnings == ["damaged"]


def test_neighbouring_slices_join(music):
    whole = music(RATE)
    third = 1 / 3
    parts = [SliceSource(ArraySource(whole, RATE), index * third, third) for index in range(3)]
    assert np.array_equal(np.concatenate([read(part) for part in parts], axis=1), whole)


def test_a_slice_beyond_the_end(wav):
    message = r"song\.wav: the start, 2\.000 s, is not before the end of the track, which is 1\.000 s long"
    with pytest.raises(AudioError, match=message):
        read(SliceSource(open_source(wav), 2))
    with pytest.raises(AudioError, match=r"^the start, 1\.000 s"):
        read(SliceSource(ArraySource(np.zeros(RATE), RATE), 1, 5))


@pytest.mark.parametrize("start", [-1, np.nan, np.inf])
def test_starts_that_are_invalid(start):
    with pytest.raises(ConfigError, match="start: must be 0 s or more"):
        SliceSource(ArraySource(np.zeros(9), RATE), start)


@pytest.mark.parametrize("duration", [-1, 0, np.nan, np.inf])
def test_durations_that_are_invalid(duration):
    with pytest.raises(ConfigError, match="duration: must be more than 0 s"):
        SliceSource(ArraySource(np.zeros(9), RATE), 0, duration)
