from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from partita.data import find_songs
from partita.data.check import check_data
from partita.errors import AudioError, ConfigError
from tests.data.conftest import RATE
from tests.data.test_songs import SOURCES, make_song


def write(path, samples, rate=RATE, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)


def stem(name, seconds=1.0, channels=2, level=0.2):
    """Return noise that depends on the name only."""
    rng = np.random.default_rng(list(name.encode()))
    return level * rng.uniform(-1, 1, (round(seconds * RATE), channels))


@pytest.fixture
def root(tmp_path):
    """Two good songs: one of 16-bit wav with its mixture, one of flac without."""
    for name in SOURCES:
        write(tmp_path / "good" / f"{name}.wav", stem(f"good {name}"))
        write(tmp_path / "fine" / f"{name}.flac", stem(f"fine {name}"))
    write(tmp_path / "good" / "mixture.wav", sum(stem(f"good {name}") for name in SOURCES))
    return tmp_path


def problems(root, **options):
    """Return the kind and message of each song's problems."""
    reports = check_data([root], **options)
    return {report.path.name: [(p.kind, p.message) for p in report.problems] for report in reports}


def the_one(root, song="good", **options):
    """Return the only problem found, which must be of the given song."""
    found = problems(root, **options)
    ((kind, message),) = found.pop(song)
    assert not any(found.values()), found
    return kind, message


def test_good_songs_have_no_problems(root):
    fine, good = check_data([root])
    assert fine.problems == good.problems == ()
    assert list(good.stems) == [*sorted(SOURCES), "mixture"]
    assert good.mixture_error < -60
    assert fine.mixture_error is None


def test_a_missing_stem_is_not_a_problem(root):
    (root / "fine" / "bass.flac").unlink()
    assert not any(problems(root).values())


@pytest.mark.parametrize("content", [b"", b"no audio", b"RIFF\0\0\0\0WAVE"])
def test_unreadable_files(root, content):
    (root / "good" / "bass.wav").write_bytes(content)
    (report,) = [report for report in check_data([root]) if report.path.name == "good"]
    (problem,) = report.problems
    assert problem.kind == "unreadable"
    assert str(root / "good" / "bass.wav") in problem.message
    assert report.unreadable == ("bass",)
    assert report.stems.keys() == {"drums", "other", "vocals", "mixture"}  # the others are measured


def test_nan(root):
    samples = stem("good bass")
    samples[30000, 1] = np.nan
    write(root / "good" / "bass.wav", samples, subtype="FLOAT")
    kind, message = the_one(root)
    assert kind == "unreadable"
    assert "bass.wav: the sample at 0.680 s is NaN" in message


def test_a_truncated_file_is_damaged_and_differs_in_length(root):
    path = root / "good" / "bass.wav"
    path.write_bytes(path.read_bytes()[:100_000])
    found = problems(root)["good"]
    assert [kind for kind, _ in found] == ["length", "damaged"]
    assert found[0][1] == "lengths differ: bass has 24989 samples, the others have 44100 samples"


def test_lossless_files_have_exactly_equal_lengths_and_lossy_ones_nearly(root):
    write(root / "good" / "bass.wav", stem("good bass")[:-1])
    assert the_one(root) == ("length", "lengths differ: bass has 44099 samples, the others have 44100 samples")
    for name in ("drums", "mixture"):
        (root / "good" / f"{name}.wav").unlink()
    write(root / "good" / "drums.ogg", stem("good drums"), subtype="VORBIS")
    assert not any(problems(root).values())


def test_sample_rates_within_a_song(root):
    write(root / "good" / "bass.wav", stem("good bass"), rate=48000)
    assert the_one(root) == ("sample-rate", "sample rates differ: bass has 48000 Hz, the others have 44100 Hz")


def test_channels_within_a_song(root):
    write(root / "good" / "vocals.wav", stem("good vocals", channels=1))
    assert the_one(root) == ("channels", "numbers of channels differ: vocals has 1, the others have 2")


def test_songs_unlike_most(root):
    for name in SOURCES:
        write(root / "odd" / f"{name}.wav", stem(f"odd {name}", channels=1), rate=32000)
    found = problems(root)
    assert found["odd"] == [
        ("sample-rate", "the sample rate is 32000 Hz; most songs have 44100 Hz"),
        ("channels", "the number of channels is 1; most songs have 2"),
    ]
    assert not found["good"]


def dithered(samples):
    """Round to 16 bits with triangular dither."""
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.5, 0.5, samples.shape) + rng.uniform(-0.5, 0.5, samples.shape)
    return np.round(samples * 2**15 + noise) / 2**15


@pytest.mark.parametrize("samples", [np.zeros((RATE, 2)), dithered(np.zeros((RATE, 2)))], ids=["zeros", "dither"])
def test_silent_stems(root, samples):
    write(root / "fine" / "bass.flac", samples)
    assert the_one(root, "fine") == ("silent", "bass is silent")


def test_a_quiet_stem_is_not_silent(root):
    write(root / "fine" / "bass.flac", dithered(stem("fine bass", level=1e-4)))  # -85 dB
    assert not any(problems(root).values())


def test_equal_stems_in_different_formats_are_duplicates(root):
    (root / "good" / "mixture.wav").unlink()
    (root / "good" / "vocals.wav").unlink()
    write(root / "good" / "vocals.flac", soundfile.read(root / "good" / "drums.wav", dtype="int16")[0])
    assert the_one(root) == ("duplicate", "drums and vocals are the same audio")


def test_silent_stems_are_not_duplicates(root):
    for name in ("bass", "drums"):
        write(root / "fine" / f"{name}.flac", dithered(np.zeros((RATE, 2))))
    assert [kind for kind, _ in problems(root)["fine"]] == ["silent", "silent"]


def test_the_same_audio_in_two_songs(root):
    for name in ("bass", "drums"):
        write(root / "twice" / f"{name}.wav", stem(f"good {name}"))
    kind, message = the_one(root, "twice")
    assert kind == "duplicate"
    assert message == f"bass, drums are the same audio as in {root / 'good'}"


def test_a_mixture_that_is_not_the_sum(root):
    write(root / "good" / "mixture.wav", sum(stem(f"good {name}") for name in SOURCES[:3]))
    kind, message = the_one(root)
    assert kind == "sum"
    assert message == (
        "the mixture is not the sum of bass, drums, other, vocals: the difference is at -5 dB of the mixture"
    )
    assert the_one(root, sources=SOURCES)[0] == "sum"
    assert not any(problems(root, sources=SOURCES[:3]).values())


def test_a_lossy_mixture_is_nearly_the_sum(musdb_song):
    path, _ = musdb_song
    (report,) = check_data([path.parent])
    assert report.problems == ()
    assert report.mixture_error < -15


def test_clipping(root):
    samples = stem("loud", level=0.5)
    samples[1000:1500] = 1
    write(root / "loud" / "drums.wav", samples)
    assert the_one(root, "loud") == ("clipped", "drums clips in 2 places")  # one in each channel


def test_a_float_file_above_full_scale_does_not_clip(root):
    write(root / "loud" / "drums.wav", stem("loud", level=4), subtype="FLOAT")
    assert not any(problems(root).values())


def test_a_stem_in_two_formats_is_a_problem_of_its_song(root):
    write(root / "good" / "bass.flac", stem("good bass"))
    kind, message = the_one(root)
    assert kind == "ambiguous"
    assert "bass.flac and bass.wav" in message


def test_an_unreadable_folder_is_a_problem_of_its_song(root, monkeypatch):
    list_folder = Path.iterdir

    def refuse(path):
        if path.name == "good":
            raise PermissionError(13, "Permission denied")
        return list_folder(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    kind, message = the_one(root)
    assert (kind, message) == (
        "unreadable",
        f"{root / 'good'}: cannot be read: Permission denied; check its permissions",
    )
    with pytest.raises(AudioError, match="Permission denied"):
        find_songs([root])


def test_all_roots_are_checked_and_progress_is_reported(root, tmp_path):
    make_song(tmp_path / "more" / "good", seconds=0.1)
    steps = []
    reports = check_data([root, tmp_path / "more"], jobs=2, progress=lambda *step: steps.append(step))
    paths = [report.path for report in reports if report.path.name == "good"]
    assert paths == [root / "good", tmp_path / "more" / "good"]
    assert steps[-1] == (len(reports), len(reports))


def test_invalid_roots_are_errors(tmp_path):
    with pytest.raises(AudioError, match="no such folder"):
        check_data([tmp_path / "missing"])
    (tmp_path / "songs.toml").write_text("[stems]\ndrums = 1")
    with pytest.raises(ConfigError, match=r"stems\.drums"):
        check_data([tmp_path])
