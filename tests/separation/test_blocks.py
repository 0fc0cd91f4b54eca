from __future__ import annotations

import threading

import numpy as np
import pytest
import soundfile

from partita.errors import Cancelled, ConfigError, OutputError
from partita.separation import Block, Stems
from partita.separation.blocks import RESIDUAL, Clock, sources_of

SOURCES = ("drums", "vocals")


@pytest.fixture
def stems():
    rng = np.random.default_rng(0)
    return Stems({name: rng.uniform(-0.5, 0.5, (2, 4410)).astype(np.float32) for name in SOURCES}, 44100)


def test_lanes_are_stems_remainders_and_the_residual():
    rng = np.random.default_rng(0)
    mixture, parts = rng.normal(size=(2, 10)), rng.normal(size=(2, 2, 10))
    drums, rest, residual = Block(0, parts, mixture).lanes(SOURCES, ["drums", "no_vocals", "residual"])
    np.testing.assert_array_equal(drums, parts[0])
    np.testing.assert_allclose(rest, mixture - parts[1])
    np.testing.assert_allclose(residual, mixture - parts[0] - parts[1])


def test_saved_stems_are_the_arrays(stems, tmp_path):
    written = stems.save(tmp_path / "new" / "folder")
    assert written == {name: tmp_path / "new" / "folder" / f"{name}.wav" for name in SOURCES}
    for name, path in written.items():
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == 44100
        np.testing.assert_array_equal(samples.T, stems[name])


@pytest.mark.parametrize(("format", "rate"), [("flac", 44100), ("mp3", 44100), ("ogg", 44100), ("opus", 48000)])
def test_stems_are_saved_in_every_format(stems, tmp_path, format, rate):
    info = soundfile.info(stems.save(tmp_path, format=format)["drums"])
    assert (info.samplerate, info.channels) == (rate, 2)
    assert info.duration == pytest.approx(0.1, abs=0.05)


def test_saved_integers_are_attenuated_together_if_one_would_clip(stems, tmp_path):
    stems["drums"] *= 4
    written = stems.save(tmp_path, bits="16")
    peak = np.abs(stems["drums"]).max()
    for name, path in written.items():
        samples, _ = soundfile.read(path, dtype="float32")
        np.testing.assert_allclose(samples.T, stems[name] / peak, atol=2e-4)


def test_what_cannot_be_saved_is_said(stems, tmp_path):
    with pytest.raises(ConfigError, match="aiff"):
        stems.save(tmp_path, format="aiff")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        stems.save(tmp_path / "file")


@pytest.mark.parametrize(
    ("names", "needed"),
    [
        (["vocals"], ("vocals",)),
        (["vocals", "drums"], ("drums", "vocals")),
        (["drums", "no_drums"], ("drums",)),
        (["no_drums"], ("drums",)),
        (["vocals", RESIDUAL], SOURCES),
    ],
)
def test_outputs_need_the_sources_they_are_made_of(names, needed):
    assert sources_of(names, SOURCES) == needed


def test_a_clock_reports_and_stops():
    seen, cancel = [], threading.Event()
    clock = Clock(4, lambda done, left: seen.append((done, left is None)), cancel)
    clock.tick(0)
    clock.tick(1)
    assert seen == [(0, True), (0.25, False)]
    blocks = clock.checked(iter([np.zeros(1), np.zeros(2)]))
    next(blocks)
    cancel.set()
    with pytest.raises(Cancelled):
        next(blocks)
    with pytest.raises(Cancelled):
        clock.tick(4)
    assert len(seen) == 2
    Clock(0, lambda *progress: seen.append(progress[0]), None).tick(0)
    assert seen[-1] == 1
