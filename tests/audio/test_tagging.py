from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.audio import AudioReader, AudioWriter, Tags, read_tags
from partita.audio.tagging import write_tags
from partita.errors import OutputError

FORMATS = ["wav", "flac", "mp3", "ogg", "opus"]
RATE = 48000
TAGS = Tags(
    title="Söng 🎸 (vocals)",
    artist="Ärtist",
    album="Album",
    album_artist="Artist of the album",
    composer="Composer",
    date="2020-03-04",
    genre="Rock",
    track="3/12",
    disc="1/2",
    comment="One\nTwo",
    copyright="© 2020",
)


def write(path: Path, block: np.ndarray, rate: int = RATE, **options: object) -> Path:
    with AudioWriter(path, rate, block.shape[0], block.shape[1], **options) as writer:
        writer.write(block)
    assert writer.warnings == []
    return path


def read(path: Path) -> np.ndarray:
    reader = AudioReader(path, None)
    blocks = [np.zeros((reader.channels, 0), np.float32), *reader.blocks()]
    assert reader.warnings == []
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("picture", [None, "png", "jpeg"])
@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        ("wav", "16"),
        ("wav", "24"),
        ("wav", "32f"),
        ("flac", "16"),
        ("flac", "24"),
        *[("mp3", "16"), ("ogg", "16"), ("opus", "16")],
    ],
)
def test_tags_come_back_and_samples_are_unchanged(kind, bits, picture, tmp_path, music, cover):
    path = write(tmp_path / "song", music(2 * RATE + 77, RATE), format=kind, bits=bits)
    samples, length = read(path), AudioReader(path).frames_declared
    tags = replace(TAGS, cover=cover(picture) if picture else None)
    write_tags(path, tags, kind)
    assert np.array_equal(read(path), samples)
    assert AudioReader(path).frames_declared == length
    assert AudioReader(path).bits == bits
    assert read_tags(path) == tags
    assert list(tmp_path.iterdir()) == [path]
    if kind != "mp3":  # libsndfile, which reads none of what we wrote, finds the same samples
        assert np.array_equal(sf.read(path, dtype="float32", always_2d=True)[0].T, samples)


@pytest.mark.parametrize(
    ("kind", "channels"),
    [(kind, channels) for kind in FORMATS for channels in (1, 2, 6) if (kind, channels) != ("mp3", 6)],
)
@pytest.mark.parametrize("samples", [1, 1151, 1152, 5001, 30_000])
def test_short_files_and_silence(kind, channels, samples, tmp_path, cover):
    for level in (0.0, 0.2):
        block = (level * np.random.default_rng(0).standard_normal((channels, samples))).astype(np.float32)
        path = write(tmp_path / "song", block, format=kind)
        before = read(path)
        write_tags(path, replace(TAGS, cover=cover("png")), kind)
        assert np.array_equal(read(path), before)


def test_a_cover_of_several_ogg_pages(tmp_path, music):
    cover = b"\xff\xd8\xff" + np.random.default_rng(0).bytes(300_000)
    path = write(tmp_path / "song.ogg", music(RATE, RATE), format="ogg")
    samples = read(path)
    write_tags(path, Tags(title="Song", cover=cover), "ogg")
    assert np.array_equal(read(path), samples)
    assert mutagen.File(path).info.length == pytest.approx(1, abs=0.01)


def test_an_rf64_file_stays_without_tags(tmp_path):
    path = tmp_path / "song.wav"
    block = np.random.default_rng(0).uniform(-1, 1, (2, 1000)).astype(np.float32)
    with AudioWriter(path, RATE, 2, 2**30, bits="32f", tags=TAGS) as writer:  # announced as long
        writer.write(block)
    assert path.read_bytes().startswith(b"RF64")
    assert np.array_equal(read(path), block)
    (warning,) = writer.warnings
    assert "song.wav: was written without tags" in warning


def test_the_size_in_a_wav_header(tmp_path):
    path = write(tmp_path / "song.wav", np.zeros((1, 9), np.float32), bits="24")  # 27 bytes of samples
    write_tags(path, Tags(title="odd"), "wav")
    content = path.read_bytes()
    assert struct.unpack_from("<I", content, 4) == (len(content) - 8,)
    assert len(content) % 2 == 0
    assert read_tags(path) == Tags(title="odd")


def test_other_pictures_are_left_out(tmp_path, music):
    path = write(tmp_path / "song.flac", music(RATE, RATE), format="flac")
    write_tags(path, Tags(title="Song", cover=b"GIF89a"), "flac")
    assert read_tags(path) == Tags(title="Song")


def test_tags_that_are_too_long_cost_no_sample(tmp_path, music):
    block = music(RATE, RATE)
    path = tmp_path / "song.flac"
    with AudioWriter(path, RATE, 2, RATE, format="flac", tags=Tags(comment="x" * 2**24)) as writer:
        writer.write(block)
    assert np.abs(read(path) - block).max() < 1e-4
    (warning,) = writer.warnings
    assert "was written without tags" in warning


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(FORMATS), title=st.text(), comment=st.text(max_size=1000))
def test_any_text_is_written_and_harms_no_sample(kind, title, comment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    block = np.full((2, 3000), 0.25, np.float32)
    path = write(folder / "plain", block, format=kind)
    with AudioWriter(folder / "tagged", RATE, 2, 3000, format=kind, tags=Tags(title=title, comment=comment)) as writer:
        writer.write(block)
    assert np.array_equal(read(folder / "tagged"), read(path))
    clean = title.replace("\0", "").strip()
    if writer.warnings == [] and clean == title and title.isprintable() and kind in ("flac", "ogg", "opus"):
        assert read_tags(folder / "tagged").title == (title or None)


def test_a_full_disk_is_an_output_error(tmp_path, monkeypatch, music):
    def full(*_: object) -> None:
        raise mutagen.MutagenError from OSError(28, "No space left on device")

    monkeypatch.setattr("partita.audio.encode.write_tags", full)
    with (
        pytest.raises(OutputError, match="the disk is full"),
        AudioWriter(tmp_path / "song.flac", RATE, 2, RATE, format="flac", tags=TAGS) as writer,
    ):
        writer.write(music(RATE, RATE))
    assert list(tmp_path.iterdir()) == []
