from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile as sf

from partita.audio import AudioReader, Tags, read_tags
from partita.audio.tags import picture_type

RATE = 48000
TAGS = {"title": "Söng 🎸", "artist": "Ä", "album": "Album", "date": "2020", "genre": "Rock", "comment": "Hello"}


def tagged(path, format: str, codec: str, cover: bytes | None = None, **tags: str):
    """Write a second of silence with tags, by FFmpeg's own muxers."""
    with av.open(str(path), "w", format=format) as output:
        sound = output.add_stream(codec, rate=RATE, layout="stereo")
        sound.bit_rate = 128_000
        (sound if format == "ogg" else output).metadata.update(tags)
        if cover:
            with av.open(str(cover)) as source:
                picture = output.add_stream_from_template(source.streams.video[0])
                picture.disposition = av.stream.Disposition.attached_pic
                packet = next(source.demux(video=0))
                packet.stream = picture
                output.mux(packet)
        for start in range(0, RATE, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="flt", layout="stereo")
            frame.sample_rate, frame.pts = RATE, start
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("format", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("aiff", "pcm_s16be"),
        ("flac", "flac"),
        ("mp3", "libmp3lame"),
        ("ogg", "libopus"),
        ("ipod", "aac"),
        ("asf", "wmav2"),
        ("matroska", "flac"),
    ],
)
def test_tags_of_every_format(format, codec, tmp_path):
    written = TAGS
    if format == "aiff":  # all that FFmpeg writes into one
        written = {"title": TAGS["title"], "author": TAGS["artist"], "comment": TAGS["comment"]}
    found = AudioReader(tagged(tmp_path / "song", format, codec, **written)).tags
    assert found.texts() == {("artist" if name == "author" else name): text for name, text in written.items()}


@pytest.mark.parametrize(("format", "codec"), [("flac", "flac"), ("mp3", "libmp3lame"), ("mp4", "aac")])
@pytest.mark.parametrize("picture", ["png", "jpeg"])
def test_the_cover(format, codec, picture, tmp_path, cover):
    path = tmp_path / f"cover.{picture}"
    path.write_bytes(cover(picture))
    tags = read_tags(tagged(tmp_path / "song", format, codec, path, title="Song"))
    assert tags == Tags(title="Song", cover=cover(picture))


def test_a_video_is_no_cover(write_av, music):
    path = write_av("video.mp4", music(RATE, RATE), RATE, "aac", picture=True)
    assert read_tags(path).cover is None


def test_tags_that_describe_the_signal_are_left_out(tmp_path):
    path = tagged(tmp_path / "song.flac", "flac", "flac", title="Song", REPLAYGAIN_TRACK_GAIN="-7 dB", ISRC="X")
    assert read_tags(path) == Tags(title="Song")


def test_files_without_tags(tmp_path):
    path = tmp_path / "song.wav"
    sf.write(path, np.zeros(9), RATE)
    assert not AudioReader(path).tags
    path.write_bytes(b"no music")
    assert read_tags(path) == Tags()
    assert read_tags(tmp_path / "missing.wav") == Tags()


def test_texts_of_any_encoding(tmp_path):
    path = tmp_path / "song.mp3"
    sf.write(path, np.zeros(RATE), RATE)
    title = b"TIT2\0\0\0\x05\0\0" + b"\x03\xff\xfeab"  # claims to be UTF-8
    path.write_bytes(b"ID3\x04\0\0\0\0\0" + bytes([len(title)]) + title + path.read_bytes())
    assert isinstance(read_tags(path), Tags)


def test_the_title_of_a_stem(cover):
    song = Tags(title="Song", artist="Artist", cover=cover("png"))
    assert song.with_stem("vocals") == Tags(title="Song (vocals)", artist="Artist", cover=song.cover)
    assert Tags(artist="Artist").with_stem("vocals") == Tags(artist="Artist")


def test_texts_are_the_fields_that_are_set(cover):
    assert Tags(title="Song", artist="", cover=cover("png")).texts() == {"title": "Song"}
    assert not Tags()
    assert Tags(cover=b"x")


def test_picture_types(cover):
    assert picture_type(cover("png")) == "image/png"
    assert picture_type(cover("jpeg")) == "image/jpeg"
    assert picture_type(b"GIF89a") is None
