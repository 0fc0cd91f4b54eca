from __future__ import annotations

import tracemalloc
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
    """Return noise, the same for the same name."""
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
    """Return the kinds and messages of each song's problems."""
    reports = check_data([root], **options)
    return {report.path.name: [(p.kind, p.message) for p in report.problems] for report in reports}


def the_one(root, song="good", **options):
    """Return the only problem there is, which has to be the song's."""
    found = problems(root, **options)
    ((kind, message),) = found.pop(song)
    assert not any(found.values()), found
    return kind, message


def test_nothing_is_wrong_with_good_songs(root):
    fine, good = check_data([root])
    assert fine.problems == good.problems == ()
    assert list(good.tracks) == [*sorted(SOURCES), "mixture"]
    assert good.mixture_error < -60
    assert fine.mixture_error is None
    track = good.tracks["bass"]
    assert (track.samples, track.sample_rate, track.channels, track.clipped) == (RATE, RATE, 2, 0)
    expected = stem("good bass")
    assert track.peak == pytest.approx(np.abs(expected).max(), abs=1e-4)
    assert track.rms == pytest.approx(np.sqrt((expected**2).mean()), rel=1e-3)


def test_a_missing_stem_is_no_fault(root):
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
    assert report.tracks.keys() == {"drums", "other", "vocals", "mixture"}  # the others are measured


def test_nan(root):
    samples = stem("good bass")
    samples[30000, 1] = np.nan
    write(root / "good" / "bass.wav", samples, subtype="FLOAT")
    kind, message = the_one(root)
    assert kind == "unreadable"
    assert "bass.wav: the sample at 0.680 s is NaN" in message


def test_a_file_that_ends_early_and_so_differs_in_length(root):
    path = root / "good" / "bass.wav"
    path.write_bytes(path.read_bytes()[:100_000])
    found = problems(root)["good"]
    assert [kind for kind, _ in found] == ["length", "damaged"]
    assert found[0][1] == "bass has 24989 samples, the others have 44100"


def test_lengths_of_lossless_files_are_exact_and_of_lossy_ones_nearly(root):
    write(root / "good" / "bass.wav", stem("good bass")[:-1])
    assert the_one(root) == ("length", "bass has 44099 samples, the others have 44100")
    for name in ("drums", "mixture"):
        (root / "good" / f"{name}.wav").unlink()
    write(root / "good" / "drums.ogg", stem("good drums"), subtype="VORBIS")
    assert not any(problems(root).values())


def test_sample_rates_within_a_song(root):
    write(root / "good" / "bass.wav", stem("good bass"), rate=48000)
    assert the_one(root) == ("sample-rate", "bass has 48000 Hz, the others have 44100")


def test_channels_within_a_song(root):
    write(root / "good" / "vocals.wav", stem("good vocals", channels=1))
    assert the_one(root) == ("channels", "vocals has 1 channels, the others have 2")


def test_songs_unlike_most(root):
    for name in SOURCES:
        write(root / "odd" / f"{name}.wav", stem(f"odd {name}", channels=1), rate=32000)
    found = problems(root)
    assert found["odd"] == [
        ("sample-rate", "has 32000 Hz, most songs have 44100"),
        ("channels", "has 1 channels, most songs have 2"),
    ]
    assert not found["good"]


@pytest.mark.parametrize(("level", "silent"), [(0.0, True), (0.8e-4, True), (1.5e-4, False)])
def test_silent_stems(root, level, silent):
    write(root / "fine" / "bass.flac", np.round(stem("fine bass", level=level) * 2**15) / 2**15)
    assert problems(root)["fine"] == ([("silent", "bass is silent")] if silent else [])


def test_equal_stems_of_a_song_whatever_their_format(root):
    (root / "good" / "mixture.wav").unlink()
    (root / "good" / "vocals.wav").unlink()
    write(root / "good" / "vocals.flac", soundfile.read(root / "good" / "drums.wav", dtype="int16")[0])
    assert the_one(root) == ("duplicate", "drums and vocals are the same audio")


def test_silent_stems_are_no_duplicates(root):
    for name in ("bass", "drums"):
        write(root / "fine" / f"{name}.flac", np.zeros((RATE, 2)))
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
    assert message == "mixture is not the sum of bass, drums, other, vocals: their difference has -5 dB of its level"
    assert the_one(root, sources=SOURCES)[0] == "sum"
    assert not any(problems(root, sources=SOURCES[:3]).values())


def test_a_lossy_mixture_is_nearly_the_sum(musdb_song):
    path, _ = musdb_song
    (report,) = check_data([path.parent])
    assert report.problems == ()
    assert report.mixture_error < -15


def test_clipping_is_counted_by_place_across_blocks(root):
    samples = np.zeros((200_000, 2))
    samples[::100] = 0.1
    for first, last in ((10, 13), (1000, 1500), (65534, 65537), (131071, 131074), (5, 7)):  # the last is too short
        samples[first:last, 0] = 1
    samples[777:780, 1] = -1
    samples[900:903, 1] = (0.9, 1, 0.95)  # a peak, not clipped
    write(root / "loud" / "drums.wav", samples)
    assert the_one(root, "loud") == ("clipped", "drums clips in 5 places")
    write(root / "loud" / "drums.wav", np.roll(samples, 3, axis=0) * 0.99)
    assert not any(problems(root).values())


def test_a_float_file_above_full_scale_does_not_clip(root):
    write(root / "loud" / "drums.wav", stem("loud", level=4), subtype="FLOAT")
    assert not any(problems(root).values())


def test_a_stem_in_two_formats_is_that_songs_problem(root):
    write(root / "good" / "bass.flac", stem("good bass"))
    kind, message = the_one(root)
    assert kind == "ambiguous"
    assert "bass.flac and bass.wav" in message


def test_a_sealed_folder_is_that_songs_problem(root, monkeypatch):
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


def test_every_root_counts_and_progress_is_told(root, tmp_path):
    make_song(tmp_path / "more" / "good", seconds=0.1)
    steps = []
    reports = check_data([root, tmp_path / "more"], jobs=2, progress=lambda *step: steps.append(step))
    paths = [report.path for report in reports if report.path.name == "good"]
    assert paths == [root / "good", tmp_path / "more" / "good"]
    assert steps[-1] == (len(reports), len(reports))


def test_folders_that_are_no_data_sets(tmp_path):
    with pytest.raises(AudioError, match="no such folder"):
        check_data([tmp_path / "missing"])
    (tmp_path / "songs.toml").write_text("[stems]\ndrums = 1")
    with pytest.raises(ConfigError, match=r"stems\.drums"):
        check_data([tmp_path])


def test_memory_does_not_grow_with_the_length(tmp_path):
    peaks = []
    for seconds in (10, 40):
        folder = tmp_path / str(seconds)
        for name in ("bass", "drums", "mixture"):
            write(folder / "song" / f"{name}.wav", np.zeros((seconds * RATE, 2)))
        tracemalloc.start()
        check_data([folder])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
