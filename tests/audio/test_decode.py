from __future__ import annotations

import os
import socket
import struct
import sys
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.audio import AudioReader
from partita.errors import AudioError

RATE = 44100

# name -> what soundfile writes, and the largest error of a sample after decoding (None: lossy)
BY_SOUNDFILE = {
    "16.wav": ({"subtype": "PCM_16"}, 2**-15),
    "24.wav": ({"subtype": "PCM_24"}, 2**-23),
    "8.wav": ({"subtype": "PCM_U8"}, 2**-7),
    "float.wav": ({"subtype": "FLOAT"}, 0),
    "double.wav": ({"subtype": "DOUBLE"}, 0),
    "adpcm.wav": ({"subtype": "IMA_ADPCM"}, None),
    "extensible.wav": ({"format": "WAVEX", "subtype": "PCM_16"}, 2**-15),
    "song.rf64": ({"format": "RF64", "subtype": "PCM_16"}, 2**-15),
    "song.w64": ({"subtype": "PCM_16"}, 2**-15),
    "song.aiff": ({"subtype": "PCM_16"}, 2**-15),
    "song.caf": ({"subtype": "PCM_16"}, 2**-15),
    "song.au": ({"subtype": "PCM_16"}, 2**-15),
    "16.flac": ({"subtype": "PCM_16"}, 2**-15),
    "24.flac": ({"subtype": "PCM_24"}, 2**-23),
    "song.ogg": ({}, None),
    "song.opus": ({"format": "OGG", "subtype": "OPUS"}, None),
    "cbr.mp3": ({"bitrate_mode": "CONSTANT"}, None),
    "vbr.mp3": ({"bitrate_mode": "VARIABLE"}, None),
}
# name -> codec, options, and by how many samples the audio begins late or, if negative, misses its beginning
BY_AV = {
    "song.m4a": ("aac", {}, 0),
    "fast.m4a": ("aac", {"movflags": "faststart"}, 0),
    "lossless.m4a": ("alac", {}, 0),
    "song.aac": ("aac", {"container": "adts"}, 1024),
    "song.wma": ("wmav2", {}, -2048),
    "song.ac3": ("ac3", {}, 256),
    "song.mp2": ("mp2", {}, 481),
    "untitled.mp3": ("libmp3lame", {"write_xing": "0"}, 1105),
    "song.mka": ("flac", {}, 0),
    "mp3.wav": ("libmp3lame", {}, 1105),
    "video.mp4": ("aac", {"picture": True}, 0),
    "video.mkv": ("libopus", {"picture": True}, 0),
    "video.avi": ("libmp3lame", {"picture": True}, 1105),
}


def read(path: Path, channels: int | None = None, size: int = 65536) -> np.ndarray:
    reader = AudioReader(path, channels)
    return np.concatenate([np.zeros((reader.channels, 0), np.float32), *reader.blocks(size)], axis=1)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    shared = min(one.shape[1], other.shape[1])
    return float(np.corrcoef(one[:, :shared].ravel(), other[:, :shared].ravel())[0, 1])


def best_correlation(piece: np.ndarray, whole: np.ndarray) -> float:
    """Return how well a piece fits the place where it fits best."""
    size = 2 * whole.shape[1]
    spectra = np.fft.rfft(whole, size) * np.fft.rfft(piece, size).conj()
    lag = int(np.fft.irfft(spectra.sum(axis=0)).argmax())
    return correlation(piece, whole[:, lag:])


def write_wav(path: Path, block: np.ndarray, rate: int = RATE, **kind: str) -> Path:
    sf.write(path, block.T, rate, **kind)
    return path


@pytest.mark.parametrize("name", BY_SOUNDFILE)
def test_what_soundfile_writes_is_read_whole(name, tmp_path, music):
    kind, tolerance = BY_SOUNDFILE[name]
    rate = 48000 if name.endswith("opus") else RATE
    source = music(2 * rate + 123, rate)
    path = write_wav(tmp_path / name, source, rate, **kind)
    reader = AudioReader(path)
    blocks = list(reader.blocks(10000))
    assert {(block.dtype, block.shape, block.flags.c_contiguous) for block in blocks[:-1]} == {
        (np.dtype(np.float32), (2, 10000), True)
    }
    result = np.concatenate(blocks, axis=1)
    assert reader.warnings == []
    assert (reader.path, reader.sample_rate, reader.native_channels, reader.channels) == (path, rate, 2, 2)
    if name == "adpcm.wav":  # it holds whole packets
        assert 0 <= result.shape[1] - source.shape[1] < 2000
    else:
        assert result.shape == source.shape
        assert reader.frames_declared == source.shape[1]
    if tolerance is None:
        assert correlation(result, source) > 0.99
    else:
        assert np.abs(result - source).max() <= tolerance
    assert np.array_equal(np.concatenate(list(reader.blocks()), axis=1), np.concatenate(blocks, axis=1))
    assert reader.warnings == []


@pytest.mark.parametrize("name", BY_AV)
def test_what_ffmpeg_writes_is_read_whole(name, write_av, music):
    codec, options, delay = BY_AV[name]
    rate = 48000 if codec == "libopus" else RATE
    source = music(2 * rate + 123, rate)
    path = write_av(name, source, rate, codec, **options)
    reader = AudioReader(path)
    result = np.concatenate(list(reader.blocks()), axis=1)
    assert reader.warnings == []
    assert (reader.sample_rate, reader.native_channels, reader.channels) == (rate, 2, 2)
    assert result.dtype == np.float32
    assert -2048 <= result.shape[1] - source.shape[1] < 4096
    assert correlation(result[:, max(delay, 0) :], source[:, max(-delay, 0) :]) > 0.99
    if codec in ("flac", "alac"):
        assert result.shape == source.shape
        assert np.abs(result - source).max() <= 2**-15
    if reader.frames_declared is not None:
        assert abs(reader.frames_declared - source.shape[1]) < 4096


BITS = {
    "16": ["16.wav", "8.wav", "adpcm.wav", "16.flac", "song.aiff", "song.ogg", "song.opus", "cbr.mp3"],
    "24": ["24.wav", "24.flac"],
    "32f": ["float.wav", "double.wav"],
}


@pytest.mark.parametrize(("bits", "name"), [(bits, name) for bits, names in BITS.items() for name in names])
def test_the_bit_depth(bits, name, tmp_path, music):
    kind, _ = BY_SOUNDFILE[name]
    assert AudioReader(write_wav(tmp_path / name, music(5000, 48000), 48000, **kind)).bits == bits


@pytest.mark.parametrize(
    ("name", "codec", "layout", "bits"),
    [
        ("song.m4a", "aac", "stereo", "16"),
        ("song.m4a", "alac", "stereo", "24"),
        ("song.mka", "pcm_s24le", "stereo", "24"),
        ("song.mka", "pcm_f32le", "stereo", "32f"),
        ("song.mka", "flac", "stereo", "16"),
        ("song.mka", "libopus", "stereo", "16"),
        ("song.wav", "pcm_s24le", "5.1", "24"),
        ("song.wav", "pcm_s32le", "5.1", "32f"),
    ],
)
def test_the_bit_depth_of_what_ffmpeg_decodes(name, codec, layout, bits, write_av, music):
    channels = 6 if layout == "5.1" else 2
    path = write_av(name, music(5000, 48000, channels), 48000, codec, layout=layout)
    assert AudioReader(path, None).bits == bits


def test_a_name_for_messages(tmp_path, music):
    path = write_wav(tmp_path / "song.wav", music(RATE))
    path.write_bytes(path.read_bytes()[: RATE * 2])
    reader = AudioReader(path, name="upload 7")
    list(reader.blocks())
    assert reader.warnings == ["upload 7: the file is damaged or ends early: 0.5 s of 1.0 s could be decoded"]
    with pytest.raises(AudioError, match=r"^upload 8: there is no such file"):
        AudioReader(tmp_path / "missing", name="upload 8")


@pytest.mark.parametrize("rate", [8000, 24000, 48000])
@pytest.mark.parametrize("samples", [1, 576, 1152, 3000])
def test_short_mp3_files(rate, samples, tmp_path):
    """FFmpeg by itself does not always recognise a few frames as mp3."""
    for seed in range(20):
        noise = 0.2 * np.random.default_rng(seed).standard_normal((2, samples)).astype(np.float32)
        assert AudioReader(write_wav(tmp_path / "short.mp3", noise, rate)).sample_rate == rate


@pytest.mark.parametrize("index", [1, 2])
def test_streams_that_do_not_exist(index, tmp_path, write_av, music):
    path = write_av("song.mka", music(5000), RATE, "flac")
    assert AudioReader(path, stream=0).streams == 1
    with pytest.raises(AudioError, match=f"song.mka: this file has 1 audio streams, so there is no stream {index}"):
        AudioReader(path, stream=index)
    with pytest.raises(AudioError, match="there is no such file"):
        AudioReader(tmp_path / "missing", stream=0)


def test_names_do_not_decide(tmp_path, write_av, music):
    source = music(20000)
    wav = write_wav(tmp_path / "wave.mp3", source)
    m4a = write_av("song.mp4", source, RATE, "alac").rename(tmp_path / "song.wav")
    bare = write_wav(tmp_path / "song.flac", source).rename(tmp_path / "song")
    for path in (wav, m4a, bare):
        assert correlation(read(path), source) > 0.99


def test_channels(tmp_path, music):
    mono, stereo = music(1000, channels=1), music(1000)
    one = write_wav(tmp_path / "mono.wav", mono, subtype="FLOAT")
    two = write_wav(tmp_path / "stereo.wav", stereo, subtype="FLOAT")
    assert AudioReader(one).native_channels == 1
    assert AudioReader(one).channels == 2
    assert AudioReader(one, None).channels == 1
    assert np.array_equal(read(one, 2), np.repeat(mono, 2, axis=0))
    assert np.array_equal(read(one, None), mono)
    assert np.allclose(read(two, 1), stereo.mean(axis=0), atol=1e-7)
    assert np.array_equal(read(two, None), stereo)


def test_channels_that_change_in_the_middle_of_a_file(tmp_path, music):
    source = music(RATE)
    first, second = tmp_path / "stereo.mp3", tmp_path / "mono.mp3"
    sf.write(first, source.T, RATE)
    sf.write(second, source[:1].T, RATE)
    path = tmp_path / "joined.mp3"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    result = read(path, 2)
    assert result.shape[1] > 1.9 * RATE
    assert np.abs(result[:, -RATE // 2 :]).max() > 0.05


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_memory_does_not_grow_with_the_file(suffix, tmp_path):
    block = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 3 * 60 * 8000)).astype(np.float32)
    path = write_wav(tmp_path / f"long.{suffix}", block, 8000)
    reader = AudioReader(path)
    next(reader.blocks())  # what is imported and cached stays out of the measure
    tracemalloc.start()
    samples = sum(block.shape[1] for block in reader.blocks(16384))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert samples == block.shape[1]
    assert peak < 2.5e6 < block.nbytes / 4


NAMES = [
    "-rf.wav",
    "..hidden..wav",
    "song 🎸 ünïcode.wav",
    "cafe\u0301.wav",
    "take:2.wav",
    "100% %d {x}.wav",
    "名" * 83 + ".wav",  # 253 bytes
    "n" * 251 + ".wav",
    "song",
]
if sys.platform == "linux":
    NAMES.append(os.fsdecode(b"caf\xe9.wav"))  # not unicode at all


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("codec", ["pcm_s16le", "alac"])
def test_any_name_a_file_can_have(name, codec, tmp_path, write_av, music, monkeypatch):
    source = music(5000)
    container = "wav" if codec == "pcm_s16le" else "ipod"
    write_av("plain", source, RATE, codec, container=container).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name)):
        assert correlation(read(path), source) > 0.99


def test_formats_that_are_no_audio(tmp_path):
    texts = {
        "text.mp3": b"This is no music.\n" * 200,
        "text.wav": b"RIFF is no music.\n" * 200,
        "page.m4a": b"<!DOCTYPE html><html><body>404</body></html>",
        "magic.flac": b"fLaC",
        "random.mp3": np.random.default_rng(0).bytes(20000),
        "zeros.wav": bytes(10000),
    }
    for name, content in texts.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(AudioError, match=f"{name}: this is not an audio file that can be read; convert it or"):
            AudioReader(path)


def test_a_playlist_reaches_no_network(tmp_path):
    path = tmp_path / "list.m3u8"
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/song.aac"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n")
        with pytest.raises(AudioError, match=r"list\.m3u8"):
            read(path)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_files_that_cannot_be_opened(tmp_path, monkeypatch):
    with pytest.raises(AudioError, match=r"missing\.wav: there is no such file; check the name"):
        AudioReader(tmp_path / "missing.wav")
    with pytest.raises(AudioError, match="this is a folder; give the files in it"):
        AudioReader(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match=r"empty\.wav: the file is empty"):
        AudioReader(tmp_path / "empty.wav")
    with pytest.raises(AudioError, match=r"cannot be opened \(File name too long\)"):
        AudioReader(tmp_path / ("n" * 256))
    with pytest.raises(AudioError, match="cannot be opened"):
        AudioReader("a\0b")
    with pytest.raises(AudioError, match="this is a device or a pipe"):
        AudioReader("/dev/null")

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(AudioError, match=r"empty\.wav: cannot be opened \(Permission denied\); check its name"):
        AudioReader(tmp_path / "empty.wav")


def test_video_without_sound(tmp_path):
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as output:
        screen = output.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")
        output.mux(screen.encode(av.VideoFrame(32, 32, "yuv420p")))
        output.mux(screen.encode(None))
    with pytest.raises(AudioError, match=r"silent\.mp4: this file has no sound"):
        AudioReader(path)


@pytest.mark.parametrize("name", ["zero.wav", "zero.rf64", "zero.aiff", "zero.caf", "zero.au", "zero.ogg"])
def test_no_samples_are_legal(name, tmp_path):
    container = "RF64" if name.endswith("rf64") else None
    path = write_wav(tmp_path / name, np.zeros((2, 0), np.float32), format=container)
    reader = AudioReader(path)
    assert list(reader.blocks()) == []
    assert not reader.frames_declared
    assert reader.warnings == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(bad, tmp_path, music):
    source = music(3 * RATE)
    source[1, 2 * RATE + RATE // 2] = bad
    path = write_wav(tmp_path / "bad.wav", source, subtype="FLOAT")
    blocks = AudioReader(path).blocks(RATE)
    assert next(blocks).shape == (2, RATE)
    with pytest.raises(AudioError, match=r"bad\.wav: the sample at 2\.500 s is NaN or infinite"):
        list(blocks)


# Damage


def cut(path: Path, fraction: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("song.wav", {}),
        ("float.wav", {"subtype": "FLOAT"}),
        ("song.aiff", {}),
        ("song.au", {}),
        ("song.w64", {}),
        ("song.rf64", {"format": "RF64"}),
        ("song.flac", {}),
        ("song.mp3", {}),
        ("vbr.mp3", {"bitrate_mode": "VARIABLE", "compression_level": 0.0}),
    ],
)
def test_a_file_that_ends_early_is_read_to_its_end(name, kind, tmp_path, capfd):
    source = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 5 * RATE)).astype(np.float32)
    path = write_wav(tmp_path / name, source, **kind)
    healthy = read(path)
    cut(path, 0.6)
    reader = AudioReader(path)
    result = np.concatenate(list(reader.blocks()), axis=1)
    assert abs(result.shape[1] - 3 * RATE) < 6000
    assert np.abs(result[:, :-2000] - healthy[:, : result.shape[1] - 2000]).max() < 1e-4
    assert abs(reader.frames_declared - source.shape[1]) < 40
    seconds = f"{result.shape[1] / RATE:.1f} s of 5.0 s could be decoded"
    assert reader.warnings == [f"{path}: the file is damaged or ends early: {seconds}"]
    list(reader.blocks())
    assert len(reader.warnings) == 1
    assert capfd.readouterr() == ("", "")


def test_video_that_ends_early(write_av, music):
    path = write_av("video.mp4", music(3 * RATE), RATE, "aac", movflags="faststart")
    cut(path, 0.5)
    reader = AudioReader(path)
    assert sum(block.shape[1] for block in reader.blocks()) > RATE
    assert "of 3.0 s could be decoded" in reader.warnings[0]


def test_surround_that_ends_early(write_av, music):
    path = write_av("surround.wav", music(3 * RATE, channels=6), RATE, "pcm_s16le", layout="5.1")
    cut(path, 0.5)
    reader = AudioReader(path)
    assert abs(sum(block.shape[1] for block in reader.blocks()) - 1.5 * RATE) < 100
    assert "1.5 s of 3.0 s could be decoded" in reader.warnings[0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("song.flac", {}),
        ("song.mp3", {}),
        ("song.ogg", {}),
        ("song.opus", {"format": "OGG", "subtype": "OPUS"}),
    ],
)
def test_damage_in_the_middle_costs_only_the_middle(name, kind, tmp_path, capfd):
    rate = 48000
    source = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 5 * rate)).astype(np.float32)
    path = write_wav(tmp_path / name, source, rate, **kind)
    healthy = read(path)
    content = bytearray(path.read_bytes())
    first, last = int(0.4 * len(content)), int(0.5 * len(content))
    content[first:last] = bytes(last - first)
    path.write_bytes(content)
    reader = AudioReader(path)
    result = np.concatenate(list(reader.blocks()), axis=1)
    assert 2.5 * rate < result.shape[1] < 4.9 * rate
    assert correlation(result[:, : int(0.9 * rate)], healthy) > 0.999
    assert best_correlation(result[:, -rate:-2000], healthy) > 0.99
    assert len(reader.warnings) == 1
    assert capfd.readouterr() == ("", "")


def test_damage_in_a_file_that_does_not_state_its_length(write_av, music):
    path = write_av("song.aac", music(3 * RATE), RATE, "aac", container="adts")
    content = bytearray(path.read_bytes())
    content[8000:12000] = bytes(4000)
    path.write_bytes(content)
    reader = AudioReader(path)
    assert reader.frames_declared is None
    assert sum(block.shape[1] for block in reader.blocks()) > RATE
    assert reader.warnings == [f"{path}: the file is damaged; the damaged parts were left out"]


def test_tags_after_the_last_frame_are_no_damage(tmp_path, write_av, music):
    source = music(RATE)
    titled = write_wav(tmp_path / "titled.mp3", source)
    untitled = write_av("untitled.mp3", source, RATE, "libmp3lame", write_xing="0")
    item = b"\x05\0\0\0\0\0\0\0Title\0hello"
    ape = item + b"APETAGEX" + struct.pack("<4I", 2000, len(item) + 32, 1, 0) + bytes(8)
    for path in (titled, untitled):
        samples = read(path).shape
        path.write_bytes(path.read_bytes() + ape + b"TAG" + bytes(125))
        reader = AudioReader(path)
        assert np.concatenate(list(reader.blocks()), axis=1).shape == samples
        assert reader.warnings == []


def test_nothing_to_decode_behind_a_header(tmp_path, music):
    source = music(20000)
    wav, flac, mp3 = (write_wav(tmp_path / f"song.{suffix}", source) for suffix in ("wav", "flac", "mp3"))
    wav.write_bytes(wav.read_bytes()[:44])
    flac.write_bytes(flac.read_bytes()[:100])
    content = mp3.read_bytes()
    mp3.write_bytes(content[:300] + bytes(len(content) - 300))
    for path in (wav, flac, mp3):
        with pytest.raises(
            AudioError, match=f"{path.name}: (nothing in this file can be decoded|this is not an audio file)"
        ):
            read(path)


# Headers written before the length was known


@pytest.mark.parametrize(
    ("riff", "data"),
    [(2**32 - 1, 2**32 - 1), (0, 0), (2**31 - 1, 2**31 - 37), (2**31 - 4060, 2**31 - 4096), (2**32 - 1, 0)],
)
def test_wav_with_a_length_that_means_unknown(riff, data, tmp_path, music):
    source = music(20000)
    path = write_wav(tmp_path / "pipe.wav", source, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8], content[40:44] = struct.pack("<I", riff), struct.pack("<I", data)
    path.write_bytes(content)
    reader = AudioReader(path)
    result = np.concatenate(list(reader.blocks()), axis=1)
    assert result.shape == source.shape
    assert np.abs(result - source).max() <= 2**-15
    assert reader.warnings == []


def test_wav_of_which_only_the_outer_length_is_wrong(tmp_path, music):
    path = write_wav(tmp_path / "odd.wav", music(20000))
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<I", len(content) + 1000)
    path.write_bytes(content)
    reader = AudioReader(path)
    assert sum(block.shape[1] for block in reader.blocks()) == reader.frames_declared == 20000
    assert reader.warnings == []


def test_flac_from_a_pipe(tmp_path, music):
    source = music(100_000)
    path = write_wav(tmp_path / "pipe.flac", source)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the 36 bits of the number of samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    reader = AudioReader(path)
    assert reader.frames_declared is None
    assert np.concatenate(list(reader.blocks()), axis=1).shape == source.shape
    assert reader.warnings == []


@settings(deadline=None, max_examples=40)
@given(
    st.binary(min_size=1, max_size=300),
    st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"ID3\x04", b"\xff\xfb\x90\x64"]),
)
def test_any_bytes_are_audio_or_an_audio_error(tmp_path_factory, content, magic):
    path = tmp_path_factory.mktemp("bytes") / "any.mp3"
    path.write_bytes(magic + content)
    try:
        read(path)
    except AudioError as error:
        assert "any.mp3" in str(error)  # noqa: PT017 - not every content is refused
