from __future__ import annotations

import errno
import io
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from partita.audio import AudioReader, AudioWriter, Tags, encode, nearest_rate, read_tags, wav_container
from partita.errors import ConfigError, OutputError

FORMATS = ["wav", "flac", "mp3", "ogg", "opus"]
RATE = 48000


def write(path: Path, block: np.ndarray, rate: int = RATE, size: int = 10000, **options: object) -> Path:
    with AudioWriter(path, rate, block.shape[0], block.shape[1], **options) as writer:
        for start in range(0, block.shape[1], size):
            writer.write(block[:, start : start + size])
    return path


def read(path: Path) -> np.ndarray:
    reader = AudioReader(path, None)
    result = np.concatenate([np.zeros((reader.channels, 0), np.float32), *reader.blocks()], axis=1)
    assert reader.warnings == []
    return result


# What is written is what is read


@pytest.mark.parametrize(("kind", "bits"), [("wav", "16"), ("wav", "24"), ("flac", "16"), ("flac", "24")])
def test_integers_round_within_two_steps(kind, bits, tmp_path):
    block = np.random.default_rng(0).uniform(-0.99, 0.99, (2, 30_001)).astype(np.float32)
    path = write(tmp_path / "song", block, format=kind, bits=bits)
    assert sf.info(path).subtype == f"PCM_{bits}"
    result = read(path)
    assert result.shape == block.shape
    assert 0 < np.abs(result - block).max() < 2 / 2 ** (int(bits) - 1)


@pytest.mark.parametrize(("kind", "bits"), [("wav", "16"), ("wav", "24"), ("flac", "16"), ("flac", "24")])
def test_integers_are_clamped_and_silence_is_silent(kind, bits, tmp_path):
    block = np.zeros((1, 1000), np.float32)
    block[0, 100:104] = [1.0, 1.5, -1.5, 1e9]
    result = read(write(tmp_path / "song", block, format=kind, bits=bits))
    top = 1 - 2.0 ** (1 - int(bits))
    assert result[0, 100:104].tolist() == [pytest.approx(top, abs=2 / 2 ** int(bits)), top, -1, top]
    assert np.flatnonzero(result).tolist() == [100, 101, 102, 103]


def test_floats_are_exact(tmp_path):
    block = np.random.default_rng(0).standard_normal((2, 10_001)).astype(np.float32) * 3
    block[0, :4] = [1e-30, -0.0, 1e30, np.finfo(np.float32).smallest_subnormal]
    result = read(write(tmp_path / "song.wav", block, bits="32f"))
    assert result.tobytes() == block.tobytes()


@pytest.mark.parametrize("kind", ["mp3", "ogg", "opus"])
@pytest.mark.parametrize("channels", [1, 2])
def test_lossy_formats_keep_sound_and_length(kind, channels, tmp_path, music):
    block = music(3 * RATE + 77, RATE, channels)
    path = write(tmp_path / "song", block, format=kind, bits="24")
    result = read(path)
    assert result.shape == block.shape  # also the delay of the encoder is gone
    assert np.corrcoef(result.ravel(), block.ravel())[0, 1] > 0.99
    assert AudioReader(path).frames_declared == block.shape[1]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("samples", [0, 1, 2, 1151])
def test_short_files(kind, samples, tmp_path):
    block = np.full((2, samples), 0.25, np.float32)
    result = read(write(tmp_path / "song", block, format=kind))
    empty = samples == 0 and kind in ("flac", "mp3", "opus")
    assert result.shape == (2, 1 if empty else samples)
    if empty:
        assert np.abs(result).max() < 1e-4


@pytest.mark.parametrize("kind", FORMATS)
def test_long_blocks(kind, tmp_path):
    block = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 300_000)).astype(np.float32)
    assert read(write(tmp_path / "song", block, format=kind, size=block.shape[1])).shape == block.shape


@pytest.mark.parametrize(("kind", "bits"), [("wav", "16"), ("wav", "24"), ("flac", "16")])
def test_same_samples_same_bytes(kind, bits, tmp_path, music):
    block = music(30_000)
    one = write(tmp_path / "one", block, format=kind, bits=bits).read_bytes()
    two = write(tmp_path / "two", block, size=777, format=kind, bits=bits).read_bytes()
    other = write(tmp_path / "other", block, format=kind, bits=bits, seed=1).read_bytes()
    assert one == two
    assert one != other


@pytest.mark.parametrize(("kind", "bits"), [("wav", "16"), ("wav", "32f"), ("flac", "24"), ("mp3", "16")])
def test_a_file_that_is_restarted_is_that_of_the_samples_after_it(kind, bits, tmp_path, music):
    music = music(25000, RATE)
    expected = write(tmp_path / f"a.{kind}", music, format=kind, bits=bits)
    path = tmp_path / f"b.{kind}"
    with AudioWriter(path, RATE, *music.shape, format=kind, bits=bits) as writer:
        writer.write(-music[:, : music.shape[1] // 2])
        writer.restart()
        for start in range(0, music.shape[1], 10000):
            writer.write(music[:, start : start + 10000])
    assert path.read_bytes() == expected.read_bytes()


def test_blocks_of_any_memory_layout(tmp_path):
    block = np.asfortranarray(np.random.default_rng(0).uniform(-1, 1, (2, 999)).astype(np.float32))
    assert np.array_equal(read(write(tmp_path / "song.wav", block, bits="32f")), block)


# Containers and rates


@pytest.mark.parametrize(("bits", "size"), [("16", 2), ("24", 3), ("32f", 4)])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_rf64_only_beyond_4_gib(bits, size, channels):
    most = 2**32 // (size * channels)
    assert wav_container(0, channels, bits) == "WAV"
    assert wav_container(most - 4096, channels, bits) == "WAV"
    assert wav_container(most, channels, bits) == "RF64"


def test_a_file_announced_as_long_gets_an_rf64_header(tmp_path):
    path = tmp_path / "long.wav"
    block = np.full((2, 1000), 0.5, np.float32)
    with AudioWriter(path, RATE, 2, 2**30, bits="24") as writer:
        writer.write(block)
    content = path.read_bytes()
    assert (content[:4], content[8:16]) == (b"RF64", b"WAVEds64")
    assert read(path).shape == block.shape
    assert write(tmp_path / "short.wav", block).read_bytes()[:4] == b"RIFF"


def test_nearest_rate():
    expected = {
        "wav": {1: 1, 44100: 44100, 768000: 768000},
        "flac": {44100: 44100, 65537: 65540, 192000: 192000, 768000: 655350},
        "ogg": {8000: 8000, 44100: 44100, 192000: 192000, 384000: 192000},
        "mp3": {4000: 8000, 8000: 8000, 44100: 44100, 44101: 48000, 48000: 48000, 96000: 48000},
        "opus": {
            4000: 8000,
            11025: 12000,
            16000: 16000,
            22050: 24000,
            44100: 48000,
            48000: 48000,
            96000: 48000,
        },
    }
    for kind, rates in expected.items():
        assert {rate: nearest_rate(kind, rate) for rate in rates} == rates


@given(st.sampled_from(FORMATS), st.integers(1, 1_000_000))
def test_nearest_rate_is_a_rate_of_the_format(kind, rate):
    assert nearest_rate(kind, nearest_rate(kind, rate)) == nearest_rate(kind, rate)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("rate", [1000, 8000, 11025, 37800, 65537, 88200, 192000, 768000])
def test_every_nearest_rate_can_be_written(kind, rate, tmp_path):
    rate = nearest_rate(kind, rate)
    path = write(tmp_path / "song", np.full((2, 5000), 0.1, np.float32), rate, format=kind)
    assert AudioReader(path).sample_rate == rate
    assert read(path).shape == (2, 5000)


def test_invalid_options(tmp_path):
    with pytest.raises(ConfigError, match="format: 'aac' is not one of wav, flac, mp3, ogg, opus"):
        AudioWriter(tmp_path / "song", RATE, 2, 0, format="aac")
    with pytest.raises(ConfigError, match="bits: '8' is not one of 16, 24, 32f"):
        AudioWriter(tmp_path / "song", RATE, 2, 0, bits="8")
    with pytest.raises(ConfigError, match="bits: flac holds 16 or 24 bits"):
        AudioWriter(tmp_path / "song", RATE, 2, 0, format="flac", bits="32f")
    with pytest.raises(ConfigError, match="sample_rate: opus cannot hold 44100 Hz; use 48000 Hz"):
        AudioWriter(tmp_path / "song", 44100, 2, 0, format="opus")
    assert list(tmp_path.iterdir()) == []


# Bit rate and quality


def mp3_bit_rate(path: Path) -> int:
    with av.open(str(path)) as container:
        return container.streams.audio[0].bit_rate


@pytest.mark.parametrize(
    ("rate", "bitrates"),
    [(44100, (64, 128, 192, 320)), (48000, (64, 256)), (24000, (64, 160)), (12000, (32, 64)), (8000, (32, 64))],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_the_bit_rate_of_mp3(rate, bitrates, channels, tmp_path, music):
    block = music(rate + 77, rate, channels)
    for bitrate in bitrates:
        path = write(tmp_path / "song", block, rate, format="mp3", bitrate=bitrate)
        assert mp3_bit_rate(path) == 1000 * bitrate
        assert read(path).shape == block.shape  # even the shortest frames hold the length


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("bitrate", [24, 96, 256])
def test_the_bit_rate_of_opus(channels, bitrate, tmp_path):
    block = (0.2 * np.random.default_rng(0).standard_normal((channels, 5 * RATE))).astype(np.float32)
    path = write(tmp_path / "song", block, format="opus", bitrate=bitrate * channels)
    assert path.stat().st_size * 8 / 5000 == pytest.approx(bitrate * channels, rel=0.2)
    assert read(path).shape == block.shape


@pytest.mark.parametrize(("kind", "best", "worst"), [("mp3", 0, 9), ("ogg", 10, 0)])
def test_quality(kind, best, worst, tmp_path, music):
    block = music(3 * RATE, RATE)
    sizes = []
    for quality in (best, (best + worst) / 2, worst):
        path = write(tmp_path / "song", block, format=kind, quality=quality)
        sizes.append(path.stat().st_size)
        assert read(path).shape == block.shape
    assert sizes[0] > 1.2 * sizes[1] > 1.2 * sizes[2]


def test_the_default_bit_rate(tmp_path, music):
    assert mp3_bit_rate(write(tmp_path / "song", music(RATE, RATE), format="mp3")) == 320_000


def test_bit_rates_and_qualities_that_do_not_exist(tmp_path):
    refusals = [
        ({"format": "mp3", "bitrate": 100}, "bitrate: mp3 at 48000 Hz supports 64, 80, .*, 320 kbit/s, not 100"),
        ({"format": "mp3", "bitrate": 128, "quality": 2}, "bitrate: cannot be combined with quality; give one"),
        ({"format": "mp3", "quality": 10}, "quality: mp3 supports 0 to 9, not 10"),
        ({"format": "mp3", "quality": float("nan")}, "quality: mp3 supports 0 to 9, not nan"),
        ({"format": "ogg", "quality": -1}, "quality: ogg supports 0 to 10, not -1"),
        ({"format": "ogg", "bitrate": 128}, "bitrate: ogg has a variable bit rate; use quality, from 0 to 10"),
        ({"format": "opus", "bitrate": 8}, "bitrate: opus with 2 channels supports 12 to 512 kbit/s, not 8"),
        ({"format": "opus", "quality": 5}, "quality: opus has no quality scale; use bitrate"),
        ({"format": "wav", "bitrate": 128}, "bitrate: wav is lossless; use mp3 or opus"),
        ({"format": "flac", "quality": 5}, "quality: flac is lossless; use mp3 or ogg"),
    ]
    for options, message in refusals:
        with pytest.raises(ConfigError, match=message):
            AudioWriter(tmp_path / "song", RATE, 2, 0, **options)


# Tags


@pytest.mark.parametrize("kind", FORMATS)
def test_tags_change_no_sample(kind, tmp_path, music, cover):
    block = music(RATE, RATE)
    tags = Tags(title="Song (vocals)", artist="Artist", cover=cover("png"))
    path = write(tmp_path / "tagged", block, format=kind, tags=tags)
    assert read_tags(path) == tags
    assert np.array_equal(read(path), read(write(tmp_path / "plain", block, format=kind)))


@pytest.mark.parametrize("kind", FORMATS)
def test_tags_of_a_file_without_samples(kind, tmp_path):
    path = write(tmp_path / "song", np.zeros((2, 0), np.float32), format=kind, tags=Tags(title="Song"))
    assert read(path).shape[1] <= 1


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_tags_give_the_same_bytes(kind, tmp_path, music):
    block, tags = music(RATE, RATE), Tags(title="Song")
    one = write(tmp_path / "one", block, format=kind, tags=tags).read_bytes()
    other = write(tmp_path / "other", block, format=kind, tags=tags).read_bytes()
    if kind in ("ogg", "opus"):  # libsndfile numbers the streams at random
        assert len(one) == len(other)
    else:
        assert one == other


@pytest.mark.parametrize("error", [ValueError("the tags\nare too long"), OutputError("the disk is full")])
def test_a_failure_to_tag_is_a_warning(error, tmp_path, music, monkeypatch):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(encode, "write_tags", fail)
    block = music(1000)
    path = tmp_path / "song.wav"
    with AudioWriter(path, RATE, 2, 1000, bits="32f", tags=Tags(title="Song")) as writer:
        writer.write(block)
    (warning,) = writer.warnings
    assert warning.startswith(f"{path}: was written without tags (the ")
    assert "\n" not in warning
    assert np.array_equal(read(path), block)
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_while_tags_are_written(tmp_path, music, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(encode, "write_tags", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "song.wav", music(1000), tags=Tags(title="Song"))
    assert list(tmp_path.iterdir()) == []


# All or nothing

NAMES = ["-rf.wav", "..a..wav", "song 🎸 ünïcode.wav", "cafe\u0301", "take:2.wav", "名" * 85, "n" * 255]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_a_file_can_have(name, tmp_path, monkeypatch):
    block = np.full((2, 100), 0.5, np.float32)
    monkeypatch.chdir(tmp_path)
    write(Path(name), block, bits="32f")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert np.array_equal(read(Path(name)), block)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_appears_before_all_is_written(error, tmp_path):
    path = tmp_path / "song.wav"
    path.write_bytes(b"what was there")

    def half() -> None:
        with AudioWriter(path, RATE, 2, 2000) as writer:
            writer.write(np.zeros((2, 1000), np.float32))
            assert path.read_bytes() == b"what was there"
            assert [hidden.name[0] for hidden in tmp_path.iterdir() if hidden != path] == ["."]
            raise error

    with pytest.raises(error):
        half()
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"what was there"
    block = np.full((2, 100), 0.5, np.float32)
    assert np.array_equal(read(write(path, block, bits="32f")), block)


def test_the_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    path = write(tmp_path / "song.wav", np.zeros((2, 10), np.float32))
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_error_of_the_caller_is_kept(tmp_path):
    with pytest.raises(FileNotFoundError, match="other"), AudioWriter(tmp_path / "song.wav", RATE, 2, 10):
        (tmp_path / "other").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_a_block_of_the_wrong_shape(tmp_path):
    with (
        pytest.raises(ValueError, match="Expected 2 channels, got 3"),
        AudioWriter(tmp_path / "song.wav", RATE, 2, 10) as writer,
    ):
        writer.write(np.zeros((3, 10), np.float32))
    assert list(tmp_path.iterdir()) == []


def refused(path: Path, message: str) -> None:
    with pytest.raises(OutputError, match=message) as caught:
        AudioWriter(path, RATE, 2, 10).__enter__()  # before any work is done
    assert str(caught.value).startswith(f"{path}: cannot be written: ")
    assert "\n" not in str(caught.value)


def test_places_where_no_file_can_be(tmp_path, monkeypatch):
    refused(tmp_path / ("n" * 256), "file name too long")
    (tmp_path / "folder.wav").mkdir()
    refused(tmp_path / "folder.wav", "is a directory")
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "song.wav", "not a directory")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.wav"]

    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(encode, "_Sink", denied)
    refused(tmp_path / "song.wav", "permission denied; choose another name or folder")


def test_a_missing_folder_is_created(tmp_path):
    path = tmp_path / "new" / "folder" / "song.wav"
    block = np.full((2, 100), 0.5, np.float32)
    assert np.array_equal(read(write(path, block, bits="32f")), block)


def test_what_libsndfile_refuses(tmp_path):
    with pytest.raises(OutputError, match=r"song\.mp3: cannot be written: .+; choose another folder or format"):
        write(tmp_path / "song.mp3", np.zeros((3, 10), np.float32), format="mp3")
    assert list(tmp_path.iterdir()) == []


class Disk(io.FileIO):
    """A disk on which little fits, or whose user loses patience, or that takes its bytes in portions."""

    room = 10**9
    portion = 10**9
    failure: BaseException = OSError(errno.ENOSPC, "No space left on device")

    def write(self, data) -> int:
        if self.tell() + len(data) > self.room:
            raise self.failure
        return super().write(bytes(data[: self.portion]))


@pytest.fixture
def disk(monkeypatch):
    """Return a class of disk that the writer writes to."""
    limited = type("Limited", (encode._Sink, Disk), {})
    monkeypatch.setattr(encode, "_Sink", limited)
    return limited


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_a_full_disk_is_told_and_leaves_nothing(kind, part, disk, tmp_path, music):
    block = music(3 * RATE, RATE)
    size = write(tmp_path / "whole", block, format=kind).stat().st_size
    (tmp_path / "whole").unlink()
    disk.room = int(part * size) - (part == 1)
    with pytest.raises(OutputError, match="song: cannot be written: the disk is full; free some space"):
        write(tmp_path / "song", block, format=kind)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_an_interrupt_while_bytes_are_written(kind, disk, tmp_path, music, capfd):
    disk.room, disk.failure = 5000, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "song", music(3 * RATE, RATE), format=kind)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_writes_in_portions_lose_nothing(disk, tmp_path):
    disk.portion = 1000
    block = np.random.default_rng(0).standard_normal((2, 30_000)).astype(np.float32)
    assert np.array_equal(read(write(tmp_path / "song.wav", block, bits="32f")), block)


LIMITED = """
import resource, sys
import numpy as np
from partita.audio import AudioWriter
from partita.errors import OutputError
path, format = sys.argv[1:]
noise = np.random.default_rng(0).uniform(-1, 1, (2, 100_000)).astype(np.float32)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
try:
    with AudioWriter(path, 48000, 2, 100_000, format=format) as writer:
        writer.write(noise)
except OutputError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)  # for the record of coverage
"""


@pytest.mark.parametrize("kind", ["wav", "mp3"])
def test_a_limit_of_the_system(kind, tmp_path):
    path = tmp_path / "song"
    run = subprocess.run([sys.executable, "-c", LIMITED, path, kind], capture_output=True, text=True, check=False)
    assert run.stdout == f"{path}: cannot be written: file too large; choose another name or folder\n"
    assert run.stderr == ""
    assert list(tmp_path.iterdir()) == []
