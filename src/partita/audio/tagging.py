"""Writing tags into the files that :class:`~partita.audio.AudioWriter` makes, with mutagen.

Mutagen changes the metadata around the encoded audio and never the audio itself. Copying packets with FFmpeg's muxers
changes the length of some mp3 and Ogg Vorbis files by up to a few thousand samples.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partita.audio.tags import Tags, picture_type

if TYPE_CHECKING:
    from mutagen.flac import Picture

__all__ = ["write_tags"]

_FRONT_COVER = 3  # picture type of ID3 and FLAC

_ID3_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "album_artist": "TPE2",
    "composer": "TCOM",
    "date": "TDRC",
    "genre": "TCON",
    "track": "TRCK",
    "disc": "TPOS",
    "copyright": "TCOP",
}
_VORBIS_NAMES = {"album_artist": "albumartist", "track": "tracknumber", "disc": "discnumber"}


def write_tags(path: Path, tags: Tags, format: str) -> None:
    """Write tags into a file in place.

    A cover that is neither JPEG nor PNG is left out. Wav files get an ``id3`` chunk; those beyond 4 GiB (RF64) cannot
    be tagged.

    Args:
        path: The file.
        tags: What to write; earlier tags of the same kind are replaced.
        format: wav, flac, mp3, ogg or opus.

    Raises:
        mutagen.MutagenError: The file is not of the format or cannot be written, or a tag is too long for it.
    """
    _WRITERS[format](path, tags)


def _wav(path: Path, tags: Tags) -> None:
    from mutagen.wave import WAVE

    _save_id3(WAVE(path), tags)


def _mp3(path: Path, tags: Tags) -> None:
    from mutagen.mp3 import MP3

    _save_id3(MP3(path), tags)


def _save_id3(file: Any, tags: Tags) -> None:
    from mutagen import id3

    if file.tags is None:
        file.add_tags()
    for name, text in tags.texts().items():
        frame = id3.COMM(lang="eng") if name == "comment" else id3.Frames[_ID3_FRAMES[name]]()
        frame.encoding, frame.text = id3.Encoding.UTF8, [text]
        file.tags.add(frame)
    if tags.cover and (kind := picture_type(tags.cover)):
        file.tags.add(id3.APIC(mime=kind, type=_FRONT_COVER, data=tags.cover))
    file.save()


def _flac(path: Path, tags: Tags) -> None:
    from mutagen.flac import FLAC

    file = FLAC(path)
    _set_comments(file, tags)
    if picture := _picture(tags):
        file.add_picture(picture)
    file.save()


def _ogg(path: Path, tags: Tags) -> None:
    from mutagen.oggvorbis import OggVorbis

    _save_ogg(OggVorbis(path), tags)


def _opus(path: Path, tags: Tags) -> None:
    from mutagen.oggopus import OggOpus

    _save_ogg(OggOpus(path), tags)


def _save_ogg(file: Any, tags: Tags) -> None:
    _set_comments(file, tags)
    if picture := _picture(tags):
        file["metadata_block_picture"] = base64.b64encode(picture.write()).decode()
    file.save()


def _set_comments(file: Any, tags: Tags) -> None:
    for name, text in tags.texts().items():
        file[_VORBIS_NAMES.get(name, name)] = text


def _picture(tags: Tags) -> Picture | None:
    from mutagen.flac import Picture

    if not tags.cover or (kind := picture_type(tags.cover)) is None:
        return None
    picture = Picture()
    picture.type, picture.mime, picture.data = _FRONT_COVER, kind, tags.cover
    return picture


_WRITERS: dict[str, Callable[[Path, Tags], None]] = {
    "wav": _wav,
    "flac": _flac,
    "mp3": _mp3,
    "ogg": _ogg,
    "opus": _opus,
}
