from __future__ import annotations

import pickle

import numpy as np
import pytest

from partita.errors import AudioError, ModelError
from partita.evaluation import ORACLES, FolderEstimates, ModelEstimates, OracleEstimates, ReferenceTrack, SumOfStems
from partita.evaluation.estimates import estimator_for
from partita.options import DEFAULT_OVERLAP
from partita.separation import Separator

RNG = np.random.default_rng(0)
SOURCES = ("drums", "bass", "other", "vocals")


def track_of(stems, sources, rate=44100, name="song"):
    return ReferenceTrack(name, sources, stems, stems, SumOfStems(stems, rate), rate)


class Rendered:
    """Stems of any length that are made when they are sliced: a second of noise that repeats."""

    def __init__(self, sources, samples):
        self.shape = (sources, 2, samples)
        self.longest = 0
        self._second = (0.05 * RNG.standard_normal((sources, 2, 44100))).astype(np.float32)

    def __getitem__(self, key):
        times = np.arange(*key[2].indices(self.shape[-1])) % 44100
        self.longest = max(self.longest, times.size)
        return self._second[key[0], key[1]][..., times]


def test_a_model_separates_the_mixture(convolutional):
    stems = (0.1 * RNG.standard_normal((2, 2, 44100))).astype(np.float32)
    estimator = estimator_for(convolutional.folder)
    found = estimator.estimate(track_of(stems, ("vocals", "drums")))
    expected = Separator(convolutional).separate(stems.sum(0), 44100)
    assert (estimator.name, estimator.oracle) == ("convolutional", False)
    np.testing.assert_allclose(found, np.stack([expected["vocals"], expected["drums"]]), atol=1e-6)


@pytest.mark.parametrize("model", ["a model", *ORACLES])
def test_no_estimator_asks_for_more_of_a_song_than_a_few_seconds(model, convolutional):
    """Peak memory depends on the largest slice, so a song of any length takes the same."""
    stems = Rendered(4, 40 * 44100)
    found = estimator_for(convolutional.folder if model == "a model" else model).estimate(track_of(stems, SOURCES))
    assert found.shape == stems.shape
    assert stems.longest <= 7 * 44100
    base = found
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)  # the estimates are on disk


def test_a_model_without_a_stem(convolutional):
    track = track_of(np.zeros((1, 2, 100), np.float32), ("piano",))
    with pytest.raises(ModelError, match="has no stem 'piano', only drums, bass, other, vocals"):
        estimator_for(convolutional.folder).estimate(track)


def test_a_model_of_other_channels(convolutional):
    track = track_of(np.zeros((1, 6, 100), np.float32), ("drums",))
    with pytest.raises(AudioError, match=r"song: its stems have 6 channels, those of model .* 2; convert"):
        estimator_for(convolutional.folder).estimate(track)


def test_mono_is_scored_in_mono(convolutional, noise):
    track = track_of(noise[None, :1, :20000], ("drums",))
    assert estimator_for(convolutional.folder).estimate(track).shape == (1, 1, 20000)


@pytest.mark.parametrize(
    ("name", "message"),
    [("irm3", "no model or oracle 'irm3': did you mean 'irm[12]'"), ("defaulted", "did you mean 'default'")],
)
def test_an_unknown_model(name, message):
    with pytest.raises(ModelError, match=message):
        estimator_for(name)


def test_oracles_by_name():
    assert estimator_for("irm2", shifts=3) == OracleEstimates("irm2")
    assert OracleEstimates("irm2").oracle


def test_options_reach_the_model(convolutional):
    folder = str(convolutional.folder)
    assert estimator_for(folder) == ModelEstimates(folder, 0, DEFAULT_OVERLAP, None)
    chosen = estimator_for(folder, shifts=2, overlap=0.5, device="cpu")
    assert chosen == ModelEstimates(folder, 2, 0.5, "cpu")
    assert pickle.loads(pickle.dumps(chosen)) == chosen  # it is sent to worker processes


def test_threads_reach_the_model(convolutional, monkeypatch):
    opened = []

    def load(*arguments, **options):
        opened.append(options["threads"])
        return Separator(*arguments, **options)

    monkeypatch.setattr("partita.evaluation.estimates.Separator", load)
    track = track_of(np.zeros((1, 2, 100), np.float32), ("drums",))
    estimator = estimator_for(convolutional.folder, device="cpu")
    for threads in (3, 3, None):
        estimator.estimate(track, threads)
    assert opened == [3, None]


@pytest.fixture
def folder(tmp_path, write_songs):
    stems = {name: 0.1 * RNG.standard_normal((2, 800)).astype(np.float32) for name in ("drums", "vocals")}
    write_songs(tmp_path / "theirs", {"song": stems})
    return tmp_path / "theirs", np.stack(list(stems.values()))


def test_a_folder_of_estimates(folder):
    estimator = FolderEstimates.open(folder[0])
    found = estimator.estimate(track_of(np.zeros((2, 2, 800)), ("drums", "vocals"), 8000))
    assert (estimator.name, estimator.oracle) == ("theirs", False)
    np.testing.assert_array_equal(found[:, :, :], folder[1])


@pytest.mark.parametrize(
    ("shape", "rate", "name", "message"),
    [
        ((1, 2, 801), 8000, "song", "drums.wav: the number of samples is 800, that of the reference is 801"),
        ((1, 1, 800), 8000, "song", "drums.wav: the number of channels is 2, that of the reference is 1"),
        ((1, 2, 800), 16000, "song", "drums.wav: the sample rate is 8000 Hz, that of the reference is 16000 Hz"),
        ((1, 2, 800), 8000, "another", "theirs/another: missing; put the estimates of the song there"),
    ],
)
def test_estimates_that_do_not_fit_the_references(folder, shape, rate, name, message):
    with pytest.raises(AudioError, match=message):
        FolderEstimates.open(folder[0]).estimate(track_of(np.zeros(shape), ("drums",), rate, name))


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(AudioError, match="nowhere: no such folder"):
        FolderEstimates.open(tmp_path / "nowhere")
