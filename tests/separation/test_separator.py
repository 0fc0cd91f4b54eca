from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import threading
import tomllib
import tracemalloc
from typing import get_args

import numpy as np
import pytest
import soundfile
import tomli_w
import torch

import partita
from partita.audio import AudioReader
from partita.errors import AudioError, Cancelled, ConfigError, ModelError
from partita.models import build
from partita.options import PRESETS, Quality
from partita.separation import Job, OutputOptions, Separator
from partita.zoo.export import export_package
from partita.zoo.package import STAGE_NAMES


def in_one_window(package, noise):
    """The whole track through the torch module at once, normalised as a track is."""
    mono = noise.mean(0, dtype=np.float64)
    model = package.load_torch()
    with torch.no_grad():
        stems = model(torch.from_numpy(((noise - mono.mean()) / mono.std()).astype(np.float32))[None])[0]
    return stems.numpy() * mono.std()


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("segment", [0.3, 1.0])
def test_windows_of_convolutions_leave_no_seam(convolutional, noise, backend, segment):
    separator = Separator(convolutional, backend=backend, segment=segment, device="cpu")
    stems = np.stack(list(separator.separate(noise).values()))
    whole = in_one_window(convolutional, noise)
    assert np.abs(whole).max() > 1e-3
    np.testing.assert_allclose(stems, whole, atol=1e-5 * np.abs(whole).max())


def test_overlap_blends_away_what_an_lstm_misses_where_windows_begin(noise, tmp_path):
    torch.manual_seed(1)
    model = build("demucs", channels=4, depth=3)
    with torch.no_grad():
        for name, parameter in model.lstm.named_parameters():
            if "weight" in name:
                parameter *= 4  # untrained, its output is too small to be seen
    package = export_package(model, tmp_path, name="recurrent", description="", licence="CC0-1.0", segment=1.0)
    whole = in_one_window(package, noise)
    worst = {}
    for overlap in (0.0, 0.25):
        stems = Separator(package, overlap=overlap).separate(noise)
        worst[overlap] = np.abs(np.stack(list(stems.values())) - whole).max()
    assert 1e-5 * np.abs(whole).max() < worst[0.25] < worst[0.0] / 10


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_packages_of_version_0_1_are_separated_in_whole_windows(convolutional, noise, tmp_path, backend):
    folder = shutil.copytree(convolutional.folder, tmp_path / "old")
    facts = tomllib.loads((folder / "card.toml").read_text())
    del facts["stages"]
    facts["graph_sha256"] = facts.pop("graphs")["model.onnx"]
    (folder / "card.toml").write_text(tomli_w.dumps(facts))
    for name in STAGE_NAMES:
        (folder / name).unlink()
    stems = np.stack(list(Separator(folder, backend=backend, device="cpu").separate(noise).values()))
    whole = in_one_window(convolutional, noise)
    np.testing.assert_allclose(stems, whole, atol=1e-5 * np.abs(whole).max())


def test_both_backends_agree(recurrent, noise):
    onnx, torch_ = (Separator(recurrent, backend=name, device="cpu").separate(noise) for name in ("onnx", "torch"))
    for source in onnx:
        np.testing.assert_allclose(onnx[source], torch_[source], atol=1e-4 * np.abs(noise).max())


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000, 192000])
def test_stems_have_the_rate_and_the_length_of_the_source(convolutional, rate):
    source = np.random.default_rng(0).uniform(-0.5, 0.5, (2, rate + 12345)).astype(np.float32)
    stems = Separator(convolutional).separate(source, rate)
    assert stems.sample_rate == rate
    assert list(stems) == ["drums", "bass", "other", "vocals"]
    assert {stem.shape for stem in stems.values()} == {source.shape}
    assert {stem.dtype for stem in stems.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("samples", [1, 2, 100])
def test_the_shortest_sources(convolutional, samples):
    source = np.linspace(-0.5, 0.5, 2 * samples, dtype=np.float32).reshape(2, samples)
    stems = Separator(convolutional).separate(source)
    assert {stem.shape for stem in stems.values()} == {(2, samples)}


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_nothing_in_nothing_out(convolutional, level):
    stems = Separator(convolutional).separate(np.full((2, 50000), level, np.float32))
    assert not any(stem.any() for stem in stems.values())


def test_mono_is_separated_as_two_equal_channels_and_stays_mono(convolutional, noise):
    separator = Separator(convolutional)
    mono = separator.separate(noise[0])
    both = separator.separate(np.stack([noise[0], noise[0]]))
    for source in mono:
        assert mono[source].shape == (1, noise.shape[1])
        np.testing.assert_allclose(mono[source][0], both[source].mean(0), atol=1e-7)


@pytest.mark.parametrize("kind", ["bytes", "file", "source"])
def test_other_kinds_of_audio_are_separated_as_files_are(convolutional, song, kind):
    separator = Separator(convolutional)
    expected = separator.separate(song)
    with song.open("rb") as file:
        audio = {"bytes": song.read_bytes(), "file": file, "source": AudioReader(song)}[kind]
        found = separator.separate(audio)
    for source in expected:
        np.testing.assert_array_equal(found[source], expected[source])


def test_a_pickled_separator_loads_its_model_again(convolutional, noise):
    separator = Separator(convolutional, overlap=0.5, segment=0.5)
    again = pickle.loads(pickle.dumps(separator))
    one, other = separator.separate(noise), again.separate(noise)
    for source in one:
        np.testing.assert_array_equal(one[source], other[source])


def test_representations_are_one_line(convolutional, noise):
    separator = Separator(convolutional)
    assert repr(separator) == f"<Separator 'convolutional' on {separator.device}: drums, bass, other, vocals>"
    assert repr(separator.separate(noise)) == "<Stems drums, bass, other, vocals: 3.0 s at 44100 Hz>"


def test_levels_follow_the_mixture(convolutional, noise):
    """Normalisation by the track: ten times the level is ten times the stems."""
    separator = Separator(convolutional)
    quiet, loud = separator.separate(noise), separator.separate(10 * noise)
    for source in quiet:
        np.testing.assert_allclose(loud[source], 10 * quiet[source], atol=1e-5)


def test_a_file_is_separated_as_its_samples_are(convolutional, noise, song):
    separator = Separator(convolutional)
    from_file, from_array = separator.separate(song), separator.separate(noise)
    for source in from_file:
        np.testing.assert_array_equal(from_file[source], from_array[source])


def test_a_stream_is_gapless_and_holds_its_mixture(convolutional, noise):
    position = 0
    for block in Separator(convolutional).stream(noise, 48000):
        assert block.start == position
        assert block.stems.shape == (4, 2, block.mixture.shape[1])
        expected = noise[:, position : position + block.mixture.shape[1]]
        np.testing.assert_array_equal(block.mixture, expected)
        position += block.mixture.shape[1]
    assert position == noise.shape[1]


def test_shifts_are_averaged_and_repeatable(recurrent, noise):
    plain = Separator(recurrent).separate(noise)["drums"]
    once = Separator(recurrent, shifts=1).separate(noise)["drums"]
    three, again = (Separator(recurrent, shifts=3).separate(noise)["drums"] for _ in range(2))
    np.testing.assert_array_equal(plain, once)
    np.testing.assert_array_equal(three, again)
    assert np.abs(three - plain).max() > 1e-6


def test_shifts_are_the_mean_of_delayed_tracks(convolutional, noise):
    """Each pass hears the track begin a little later, that is, elsewhere on the grid of the strides."""
    two = Separator(convolutional, shifts=2).separate(noise)["drums"]
    delay = 44100 // 4  # half of the largest shift
    delayed = np.pad(noise, ((0, 0), (delay, 0)))
    mono = noise.mean(0, dtype=np.float64)
    model = convolutional.load_torch()
    normal = torch.from_numpy(
        ((delayed - np.pad(np.full_like(noise, mono.mean()), ((0, 0), (delay, 0)))) / mono.std()).astype(np.float32)
    )
    with torch.no_grad():
        late = model(normal[None])[0, 0, :, delay:].numpy() * mono.std()
    early = in_one_window(convolutional, noise)[0]
    middle = slice(30000, 100000)
    separated = two[:, middle]
    between = np.abs(separated - (early + late)[:, middle] / 2).mean()
    assert between < 0.25 * np.abs(early - late)[:, middle].mean()


def test_progress_rises_to_one(convolutional, noise):
    seen = []
    Separator(convolutional, batch_size=1).separate(noise, progress=lambda done, left: seen.append((done, left)))
    fractions = [done for done, _ in seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert seen[0][1] is None
    assert seen[-1][1] == 0
    assert len(set(fractions)) > 3


def test_cancelling_stops(convolutional, noise):
    cancel = threading.Event()
    blocks = Separator(convolutional, batch_size=1).stream(noise, cancel=cancel)
    next(blocks)
    cancel.set()
    with pytest.raises(Cancelled):
        list(blocks)


def test_memory_does_not_grow_with_the_track(convolutional, tmp_path):
    """Four times the length, the same peak of Python's own memory."""
    separator = Separator(convolutional, segment=1.0)
    peaks = []
    for seconds in (20, 80):
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (seconds * 8000, 1)), 8000)
        tracemalloc.start()
        for _ in separator.stream(path):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(convolutional, noise, bad):
    noise = noise.copy()
    noise[1, 1000] = bad
    with pytest.raises(AudioError, match="NaN or infinite"):
        Separator(convolutional).separate(noise)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3, 4)), "channels, samples"),
        (np.zeros((2, 100), np.int16), "divide"),
        (np.zeros((44100, 2)), r"x\.T"),
        (np.zeros((2, 0)), "empty"),
        (np.array([1.0, None]), "array"),
        ([[1.0], [1.0, 2.0]], "array"),
        (3.0, "array"),
    ],
)
def test_arrays_that_are_no_audio_are_refused(convolutional, array, message):
    with pytest.raises(AudioError, match=message):
        Separator(convolutional).separate(array)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "tensorflow"}, "onnx, torch"),
        ({"overlap": 1}, "overlap"),
        ({"segment": 0}, "segment"),
        ({"shifts": -1}, "shifts"),
        ({"shifts": "2"}, "shifts: must be a whole number, not '2'"),
        ({"shifts": 1.5}, "shifts"),
        ({"overlap": "much"}, "overlap"),
        ({"segment": float("nan")}, "segment"),
        ({"batch_size": True}, "batch_size"),
        ({"threads": 0}, "threads: must be from 1 to 1024, not 0"),
        ({"quality": "good"}, "quality: 'good' is not one of fast, balanced, best"),
        ({"device": "abacus"}, "abacus"),
        ({"backend": "torch", "device": "abacus"}, "abacus"),
    ],
)
def test_invalid_options_are_named(convolutional, options, message):
    with pytest.raises(ConfigError, match=message):
        Separator(convolutional, **options)


@pytest.mark.parametrize("quality", get_args(Quality))
def test_a_quality_is_a_preset_of_overlap_and_shifts(recurrent, noise, quality):
    overlap, shifts = PRESETS[quality]
    by_preset = Separator(recurrent, quality=quality, segment=0.3).separate(noise)
    by_hand = Separator(recurrent, overlap=overlap, shifts=shifts, segment=0.3).separate(noise)
    for name, stem in by_hand.items():
        np.testing.assert_array_equal(by_preset[name], stem)


def test_explicit_options_override_the_quality(recurrent, noise):
    chosen = Separator(recurrent, quality="best", overlap=0.5, shifts=0, segment=0.3).separate(noise)
    expected = Separator(recurrent, overlap=0.5, segment=0.3).separate(noise)
    for name, stem in expected.items():
        np.testing.assert_array_equal(chosen[name], stem)


def test_windows_of_unknown_lengths_are_warned_of(convolutional, song, tmp_path):
    separator = Separator(segment=20.0)
    (warning,) = separator.warnings
    assert "segment: 20 s is outside the lengths known to suit this model" in warning
    job = Job(song, {name: tmp_path / f"{name}.wav" for name in separator.sources})
    assert separator.run(job, OutputOptions()).warnings == [warning]
    assert Separator().warnings == Separator(segment=8.0).warnings == ()
    assert Separator(convolutional, segment=20.0).warnings == ()  # its card has no lengths


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(ModelError, match="did you mean 'default'"):
        Separator("defualt")


def test_the_embedded_model_is_the_default(noise):
    stems = partita.separate(noise[:, :44100])
    assert list(stems) == ["drums", "bass", "other", "vocals"]


def test_separating_imports_no_torch(song, tmp_path):
    code = (
        "import sys, partita;"
        f"partita.Separator().separate_file({str(song)!r}, {str(tmp_path / 'out')!r});"
        "from partita.cli import app;"
        "assert not {'torch', 'onnx', 'lightning', 'scipy', 'pydantic'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
