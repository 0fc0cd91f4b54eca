from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import soundfile

from partita.data import Song, measure_song
from tests.data.conftest import RATE


def noise(seed, level=0.2, samples=RATE):
    return level * np.random.default_rng(seed).uniform(-1, 1, (samples, 2))


def make_song(folder, suffix=".wav", rate=RATE, subtype="PCM_16", **stems):
    """Write the stems, ``(samples, channels)``, as the files of a song."""
    folder.mkdir()
    paths = {name: folder / f"{name}{suffix}" for name in stems}
    for name, samples in stems.items():
        soundfile.write(paths[name], samples, rate, subtype=subtype)
    mixture = paths.pop("mixture", None)
    return Song(folder.name, paths, mixture)


def test_known_statistics(tmp_path):
    time = np.arange(2 * RATE) / RATE
    left = 0.5 * np.sin(2 * np.pi * 441 * time)
    song = make_song(tmp_path / "song", bass=np.stack([left, np.zeros(2 * RATE)], axis=1), subtype="FLOAT")
    measured = measure_song(song)
    bass = measured.stems["bass"]
    assert (bass.samples, bass.sample_rate, bass.channels) == (2 * RATE, RATE, 2)
    assert bass.peak == pytest.approx(0.5, abs=1e-5)
    assert bass.rms == pytest.approx(0.25, abs=1e-5)  # 0.5 / sqrt(2) in one of two channels
    assert (bass.clipped, bass.warnings, bass.silent) == (0, (), False)
    assert measured.faults == {}
    assert measured.mixture_error is None


def test_the_digest_does_not_depend_on_the_format(tmp_path):
    bass, drums = (np.round(noise(seed) * 2**15).astype(np.int16) for seed in range(2))
    one = measure_song(make_song(tmp_path / "wav", bass=bass, drums=drums)).stems
    other = measure_song(make_song(tmp_path / "flac", suffix=".flac", bass=bass, drums=drums)).stems
    assert one["bass"].digest == other["bass"].digest
    assert one["drums"].digest == other["drums"].digest
    assert one["bass"].digest != one["drums"].digest


@pytest.mark.parametrize(("level", "silent"), [(0.0, True), (-96.3, True), (-95.1, True), (-94.9, False)])
def test_silence_is_a_level_of_minus_90_db(tmp_path, level, silent):
    stem = np.sqrt(3) * 10 ** (level / 20) * noise(0, level=1.0) if level else np.zeros((RATE, 2))
    measured = measure_song(make_song(tmp_path / "song", bass=stem, subtype="FLOAT"))
    assert measured.stems["bass"].silent is silent


def test_clipping_is_counted_by_place_across_blocks(tmp_path):
    samples = np.zeros((200_000, 2))
    samples[::100] = 0.1
    for first, last in ((10, 13), (1000, 1500), (65534, 65537), (131071, 131074), (5, 7)):  # the last is too short
        samples[first:last, 0] = 1
    samples[777:780, 1] = -1
    samples[900:903, 1] = (0.9, 1, 0.95)  # a peak, not clipped
    assert measure_song(make_song(tmp_path / "loud", drums=samples)).stems["drums"].clipped == 5
    softer = np.roll(samples, 3, axis=0) * 0.99
    assert measure_song(make_song(tmp_path / "softer", drums=softer)).stems["drums"].clipped == 0


@pytest.mark.parametrize(("gain", "error"), [(0.5, 0.0), (1 / 0.9, -20.0), (1.0, -200.0)])
def test_the_mixture_error_is_relative_to_the_mixture(tmp_path, gain, error):
    bass, drums = noise(0).astype(np.float32), np.zeros((RATE, 2), np.float32)
    song = make_song(tmp_path / "song", bass=bass, drums=drums, mixture=gain * bass, subtype="FLOAT")
    assert measure_song(song).mixture_error == pytest.approx(error, abs=1e-3)


def test_a_stem_in_another_format_leaves_no_mixture_error(tmp_path):
    song = make_song(tmp_path / "song", bass=noise(0), drums=noise(1)[:, :1], mixture=noise(0))
    assert measure_song(song).mixture_error is None


def test_unreadable_stems_are_faults(tmp_path):
    song = make_song(tmp_path / "song", bass=noise(0), drums=noise(1), mixture=noise(0))
    song.stems["drums"].write_text("no audio")
    measured = measure_song(song)
    assert list(measured.stems) == ["bass", "mixture"]
    assert "drums.wav" in str(measured.faults["drums"])
    assert measured.mixture_error is None


def test_memory_does_not_grow_with_the_length(tmp_path):
    peaks = []
    for seconds in (5, 20):
        stems = {name: np.zeros((seconds * RATE, 2)) for name in ("bass", "drums", "mixture")}
        song = make_song(tmp_path / str(seconds), **stems)
        del stems
        tracemalloc.start()
        measure_song(song)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
