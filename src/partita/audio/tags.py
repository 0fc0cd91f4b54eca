"""Tags: the title, the artist, the cover picture and so on, read from any file that FFmpeg's libraries can open."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from partita.audio.ffmpeg import open_container

if TYPE_CHECKING:
    import av

__all__ = ["Tags", "picture_type", "read_tags"]

_PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}  # first bytes -> MIME type


@dataclass(frozen=True)
class Tags:
    """What a file says about its recording; a field it does not have is ``None``.

    Fields that describe the signal, such as ReplayGain, are left out, because they are wrong for a stem.

    Attributes:
        title: Title of the track.
        artist: Artist of the track.
        album: Title of the album.
        album_artist: Artist of the album.
        composer: Composer.
        date: Date or year of release.
        genre: Genre.
        track: Number of the track, such as ``3`` or ``3/12``.
        disc: Number of the disc, such as ``1`` or ``1/2``.
        comment: Comment.
        copyright: Copyright notice.
        cover: The front cover as the content of a JPEG or PNG file.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    composer: str | None = None
    date: str | None = None
    genre: str | None = None
    track: str | None = None
    disc: str | None = None
    comment: str | None = None
    copyright: str | None = None
    cover: bytes | None = None

    def __bool__(self) -> bool:
        """Whether any field is set."""
        return self != Tags()

    def with_stem(self, stem: str) -> Tags:
        """Return a copy whose title, if there is one, ends with the name of a stem: ``Song (vocals)``."""
        return replace(self, title=f"{self.title} ({stem})") if self.title else self

    def texts(self) -> dict[str, str]:
        """Return the fields that are set, the cover excepted, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "cover"}
        return {name: value for name, value in values.items() if value}


def read_tags(path: Path) -> Tags:
    """Read the tags of an audio or video file; a file without any, or whose tags are damaged, gives empty tags.

    Args:
        path: The file.
    """
    if not _may_have_tags(path):
        return Tags()
    try:
        with open_container(path) as container:
            found = container.metadata
            if container.format.name == "ogg" and container.streams.audio:
                found = container.streams.audio[0].metadata
            known = {field.name for field in fields(Tags)} - {"cover"}
            texts = {key.lower(): value.replace("\0", "").strip() for key, value in found.items()}
            texts.setdefault("artist", texts.get("author", ""))  # as aiff has it
            return Tags(**{key: text for key, text in texts.items() if key in known and text}, cover=_cover(container))
    except Exception:  # whatever is wrong with a tag, the audio is what counts
        return Tags()


def _may_have_tags(path: Path) -> bool:
    """Return whether FFmpeg, which takes a while to load, has to look for tags; a plain wav file has none."""
    try:
        with path.open("rb") as file:
            kind, _, form = struct.unpack("<4sI4s", file.read(12))
            if (kind, form) != (b"RIFF", b"WAVE"):
                return True
            while header := file.read(8):
                name, size = struct.unpack("<4sI", header)
                if name not in (b"fmt ", b"data", b"fact", b"PEAK"):
                    return True
                file.seek(size + size % 2, os.SEEK_CUR)
    except (OSError, struct.error):
        return True
    return False


def _cover(container: av.container.InputContainer) -> bytes | None:
    from av.stream import Disposition

    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            for packet in container.demux(stream):
                picture = bytes(packet)
                if picture_type(picture):
                    return picture
                break
    return None


def picture_type(picture: bytes) -> str | None:
    """Return the MIME type of a JPEG or PNG picture, ``None`` for anything else."""
    return next((kind for magic, kind in _PICTURES.items() if picture.startswith(magic)), None)
