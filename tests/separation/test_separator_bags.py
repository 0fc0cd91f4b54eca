"""The Separator with bags of models."""

from __future__ import annotations

import pickle
import shutil
import threading
import tracemalloc

import numpy as np
import pytest
import soundfile
import torch

from partita.errors import Cancelled, ConfigError, ModelError
from partita.models import build
from partita.separation import Separator, loaded
from partita.zoo.bag import open_bag, write_bag
from partita.zoo.export import export_package

WEIGHTS = [[1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 1]]


@pytest.fixture(scope="module")
def members(recurrent, convolutional, tmp_path_factory):
    """Three members: in stages with and without a recurrence, and one that runs on whole windows."""
    torch.manual_seed(2)
    model = build("conv-tasnet", filters=32, bottleneck=16, hidden=32, blocks=2, stacks=1)
    folder = tmp_path_factory.mktemp("members")
    export_package(model, folder / "tasnet", name="tasnet", segment=0.7, licence="CC0-1.0")
    for package in (recurrent, convolutional):
        shutil.copytree(package.folder, folder / package.name)
    return folder


@pytest.fixture
def bag(members, recurrent, tmp_path):
    return make_bag(shutil.copytree(members, tmp_path / "models"), recurrent)


def make_bag(folder, recurrent, **facts):
    (folder / "three").mkdir(exist_ok=True)
    names = ["recurrent", "convolutional", "tasnet"]
    write_bag(
        folder / "three",
        name="three",
        description="d",
        licence="CC0-1.0",
        like=recurrent.card,
        members=names,
        weights=WEIGHTS,
        **facts,
    )
    return open_bag(folder / "three")


def expected_of(bag, audio, **options):
    """The weighted sum of what separators of the members return."""
    stems = [Separator(bag.open(member), **options).separate(audio) for member in bag.members]
    return {
        source: sum(member.weights[index] * stem[source] for member, stem in zip(bag.members, stems, strict=True))
        for index, source in enumerate(bag.sources)
    }


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"backend": "torch"},
        {"shifts": 2, "overlap": 0.5},
        {"segment": 0.4, "batch_size": 1, "threads": 2},
    ],
)
def test_stems_are_the_weighted_sums_of_those_of_the_members(bag, noise, options):
    options["device"] = "cpu"
    stems = Separator(bag, **options).separate(noise)
    expected = expected_of(bag, noise, **options)
    assert list(stems) == list(bag.sources)
    for source, stem in stems.items():
        assert np.abs(stem).max() > 1e-4
        np.testing.assert_allclose(stem, expected[source], atol=2e-6 * np.abs(expected[source]).max())


def test_the_segment_of_the_bag_applies_to_all_members(bag, recurrent, noise):
    bag = make_bag(bag.folder.parent, recurrent, segment=0.3)
    found = Separator(bag).separate(noise)
    for source, stem in expected_of(bag, noise, segment=0.3).items():
        np.testing.assert_allclose(found[source], stem, atol=2e-6 * np.abs(stem).max())
    chosen = Separator(bag, segment=0.6).separate(noise)
    for source, stem in expected_of(bag, noise, segment=0.6).items():
        np.testing.assert_allclose(chosen[source], stem, atol=2e-6 * np.abs(stem).max())


@pytest.fixture
def opened(monkeypatch):
    """The names of the models that are loaded."""
    names = []
    load = loaded.open_backend
    monkeypatch.setattr(
        loaded,
        "open_backend",
        lambda name, package, *rest, **more: names.append(package.name) or load(name, package, *rest, **more),
    )
    return names


@pytest.mark.parametrize(
    ("stems", "needed"),
    [
        (["bass"], ["convolutional"]),
        (["vocals"], ["recurrent", "tasnet"]),
        (["other", "bass"], ["convolutional", "tasnet"]),
    ],
)
def test_only_the_members_that_the_stems_need_are_opened(bag, noise, opened, stems, needed):
    expected = Separator(bag).separate(noise)
    opened.clear()
    for member in bag.members:
        if member.name not in needed:
            shutil.rmtree(member.folder)
    separator = Separator(bag)
    for _ in range(2):
        found = separator.separate(noise, stems=stems)
        assert list(found) == stems
        for stem in stems:
            np.testing.assert_array_equal(found[stem], expected[stem])
    assert opened == needed
    with pytest.raises(ModelError, match="is not installed"):
        separator.separate(noise)


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"stems": ("bass",)}, ["convolutional"]),
        ({"two_stems": "drums"}, ["recurrent"]),
        ({"stems": ("drums", "bass")}, ["recurrent", "convolutional"]),
        ({"stems": ("bass",), "residual": True}, ["recurrent", "convolutional", "tasnet"]),
        ({}, ["recurrent", "convolutional", "tasnet"]),
    ],
)
def test_files_of_some_stems_need_some_members(bag, song, noise, opened, tmp_path, options, needed):
    files = Separator(bag).separate_file(song, tmp_path / "out", **options)
    assert opened == needed
    stems = Separator(bag).separate(song)
    for name, path in files.items():
        assert path == tmp_path / "out" / "three" / "song" / f"{name}.wav"
        found, _ = soundfile.read(path, dtype="float32")
        if name == "residual":
            expected = noise - sum(stems.values())
        else:
            expected = noise - stems[name[3:]] if name.startswith("no_") else stems[name]
        np.testing.assert_allclose(found.T, expected, atol=1e-6)


def test_a_stream_of_some_stems_is_gapless(bag, noise):
    expected = Separator(bag).separate(noise)
    position = 0
    for block in Separator(bag).stream(noise, stems=("vocals", "bass"), output_rate=44100):
        assert block.start == position
        end = position + block.mixture.shape[1]
        np.testing.assert_array_equal(block.mixture, noise[:, position:end])
        for stem, name in zip(block.stems, ("vocals", "bass"), strict=True):
            np.testing.assert_array_equal(stem, expected[name][:, position:end])
        position = end
    assert position == noise.shape[1]


def test_mono_stays_mono_and_silence_stays_silent(bag, noise):
    separator = Separator(bag)
    mono = separator.separate(noise[0], stems=["drums"])["drums"]
    assert mono.shape == (1, noise.shape[1])
    silent = separator.separate(np.zeros((2, 1000), np.float32), stems=["drums"])["drums"]
    assert silent.shape == (2, 1000)
    assert not silent.any()


def test_a_model_returns_the_chosen_stems_in_their_order(recurrent, noise):
    separator = Separator(recurrent)
    every = separator.separate(noise)
    found = separator.separate(noise, stems=("vocals", "drums", "vocals"))
    assert list(found) == ["vocals", "drums"]
    for name, stem in found.items():
        np.testing.assert_array_equal(stem, every[name])


@pytest.mark.parametrize(
    ("stems", "message"),
    [(["piano"], "not 'piano'"), ("bass", "pass a tuple of names"), ((), "choose at least one of drums")],
)
def test_unknown_stems_are_refused(bag, recurrent, noise, stems, message):
    for model in (bag, recurrent):
        with pytest.raises(ConfigError, match=f"stems: .*{message}"):
            Separator(model).separate(noise, stems=stems)


def test_members_run_side_by_side_and_stop_between_their_windows(bag, noise, opened):
    cancel = threading.Event()
    separator = Separator(bag, batch_size=1)
    seen = []
    blocks = separator.stream(np.tile(noise, 4), progress=lambda *progress: seen.append(progress[0]), cancel=cancel)
    next(blocks), next(blocks)
    assert len(opened) == 3
    cancel.set()
    with pytest.raises(Cancelled):
        list(blocks)
    assert 0 < seen[-1] < 0.6
    with pytest.raises(Cancelled):
        separator.separate(noise, cancel=cancel)


def test_cancelling_stops_a_member_before_the_first_block(bag, noise):
    """A bag takes long for its first block, so every member asks before each of its blocks."""

    class Late:
        asked = 0

        def is_set(self):
            self.asked += 1
            return self.asked > 2

    with pytest.raises(Cancelled):
        next(Separator(bag).stream(np.tile(noise, 4), cancel=Late()))


def test_memory_does_not_grow_with_the_track(bag, tmp_path):
    separator = Separator(bag, segment=0.5)
    peaks = []
    for seconds in (5, 20):
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (seconds * 8000, 1)), 8000)
        tracemalloc.start()
        for _ in separator.stream(path):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_a_bag_is_a_model_like_any_other(bag, noise, monkeypatch):
    monkeypatch.setenv("PARTITA_HOME", str(bag.folder.parent.parent))
    separator = Separator("three")
    assert repr(separator) == f"<Separator 'three' on {separator.device}: drums, bass, other, vocals>"
    assert (separator.card, separator.warnings) == (bag, ())
    again = pickle.loads(pickle.dumps(separator))
    for source, stem in separator.separate(noise).items():
        np.testing.assert_array_equal(again.separate(noise)[source], stem)
    assert Separator(bag.folder).card.name == "three"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "tensorflow"}, "onnx, torch"),
        ({"overlap": 1}, "overlap"),
        ({"segment": 0}, "segment"),
        ({"device": "abacus"}, "abacus"),
        ({"backend": "torch", "device": "abacus"}, "abacus"),
    ],
)
def test_invalid_options_are_refused_before_a_member_is_opened(bag, options, message):
    for member in bag.members:
        shutil.rmtree(member.folder)
    with pytest.raises(ConfigError, match=message):
        Separator(bag, **options)


def test_a_damaged_member_is_named_when_it_is_needed(bag, noise):
    weights = bag.folder.parent / "tasnet" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    separator = Separator(bag)
    assert list(separator.separate(noise, stems=["bass"])) == ["bass"]
    with pytest.raises(ModelError, match=r"tasnet/model\.safetensors: damaged"):
        separator.separate(noise)
