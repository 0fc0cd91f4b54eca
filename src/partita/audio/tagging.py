"""Writing tags into the files that :class:`~partita.audio.AudioWriter` makes.

The encoded audio is copied byte by byte; only the metadata around it changes. Copying packets with FFmpeg's muxers
would be shorter, but it changes the length of some mp3 and Ogg Vorbis files by up to a few thousand samples.

Formats: ID3v2.4 (id3.org), RFC 9639 (FLAC), RFC 3533 (Ogg), RFC 7845 (Opus), the Vorbis I specification, and
``LIST INFO`` and ``id3`` chunks for WAV.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from partita.audio.tags import Tags, picture_type
from partita.system.atomic import open_atomically

__all__ = ["write_tags"]

_COPY = 2**20  # bytes copied at a time
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
_INFO_CHUNKS = {
    "title": "INAM",
    "artist": "IART",
    "album": "IPRD",
    "date": "ICRD",
    "genre": "IGNR",
    "track": "IPRT",
    "comment": "ICMT",
    "copyright": "ICOP",
}
_VORBIS_NAMES = {"album_artist": "ALBUMARTIST", "track": "TRACKNUMBER", "disc": "DISCNUMBER"}


def write_tags(path: Path, tags: Tags, format: str) -> None:
    """Replace a file by a tagged copy with the same encoded audio.

    Args:
        path: A file without tags.
        tags: What to write. A cover that is neither JPEG nor PNG is left out.
        format: The file's format: wav, flac, mp3, ogg (Vorbis) or opus.

    Raises:
        OutputError: The copy cannot be written; the file is unchanged.
        ValueError: The format cannot hold the tags, because they are too long; the file is unchanged.
    """
    if tags.cover and not picture_type(tags.cover):
        tags = replace(tags, cover=None)
    with path.open("rb") as source, open_atomically(path) as copy:
        for part in _WRITERS[format](source, tags):
            copy.write(part)


def _rest(source: BinaryIO) -> Iterator[bytes]:
    while part := source.read(_COPY):
        yield part


def _mp3(source: BinaryIO, tags: Tags) -> Iterator[bytes]:
    yield _id3(tags)
    yield from _rest(source)


def _id3(tags: Tags) -> bytes:
    utf8 = b"\x03"
    texts = tags.texts()
    frames = [(_ID3_FRAMES[name], utf8 + text.encode()) for name, text in texts.items() if name in _ID3_FRAMES]
    if comment := texts.get("comment"):
        frames.append(("COMM", utf8 + b"XXX\0" + comment.encode()))  # of unknown language, without description
    if tags.cover:
        kind = (picture_type(tags.cover) or "").encode()
        frames.append(("APIC", utf8 + kind + b"\0" + bytes([_FRONT_COVER]) + b"\0" + tags.cover))
    body = b"".join(name.encode() + _syncsafe(len(data)) + b"\0\0" + data for name, data in frames)
    return b"ID3\x04\0\0" + _syncsafe(len(body)) + body


def _syncsafe(number: int) -> bytes:
    """Return 28 bits in 4 bytes, the top bit of each clear."""
    if number >= 2**28:
        raise ValueError("the tags exceed 256 MiB")
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def _wav(source: BinaryIO, tags: Tags) -> Iterator[bytes]:
    info = b"INFO"
    for name, text in tags.texts().items():
        if name in _INFO_CHUNKS:
            info += _chunk(_INFO_CHUNKS[name], text.encode() + b"\0")
    size = source.seek(0, 2)
    tail = b"\0" * (size % 2) + _chunk("LIST", info) + _chunk("id3 ", _id3(tags))
    source.seek(0)
    head = source.read(28)  # RIFF: id, size, form; RF64: id, unused size, form, and ds64 with the size as 64 bits
    riff_size = size + len(tail) - 8
    if head[:4] == b"RF64":
        yield head[:20] + struct.pack("<Q", riff_size)
    elif riff_size < 2**32:
        yield head[:4] + struct.pack("<I", riff_size) + head[8:]
    else:
        raise ValueError("the tags would make the wav file exceed 4 GiB")
    yield from _rest(source)
    yield tail


def _chunk(name: str, content: bytes) -> bytes:
    return name.encode() + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _flac(source: BinaryIO, tags: Tags) -> Iterator[bytes]:
    comment, picture, last = 4, 6, 128
    blocks = []
    yield source.read(4)
    kind = 0
    while not kind & last:
        kind, *size = source.read(4)
        content = source.read(int.from_bytes(bytes(size)))
        if kind & ~last != comment:
            blocks.append((kind & ~last, content))
    blocks.append((comment, _vorbis_comment(tags, b"partita")))
    if tags.cover:
        blocks.append((picture, _picture(tags.cover)))
    for index, (kind, content) in enumerate(blocks):
        if len(content) >= 2**24:
            raise ValueError("a tag exceeds 16 MiB")
        flag = last if index == len(blocks) - 1 else 0
        yield bytes([kind | flag]) + len(content).to_bytes(3) + content
    yield from _rest(source)


def _vorbis_comment(tags: Tags, vendor: bytes, *more: bytes) -> bytes:
    fields = [f"{_VORBIS_NAMES.get(name, name.upper())}={text}".encode() for name, text in tags.texts().items()]
    fields += more
    return _counted(vendor) + struct.pack("<I", len(fields)) + b"".join(map(_counted, fields))


def _counted(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def _picture(cover: bytes) -> bytes:
    """Return FLAC's picture block, with 0 for the dimensions and the colour depth, which the picture states itself."""
    kind = (picture_type(cover) or "").encode()
    return struct.pack(">2I", _FRONT_COVER, len(kind)) + kind + struct.pack(">6I", 0, 0, 0, 0, 0, len(cover)) + cover


# Ogg cuts packets into segments of 255 bytes and ends each packet with a shorter one; a page holds 255 segments
_SEGMENT = 255
_CONTINUED = 1  # flag of a page whose first segment continues a packet
_NOTHING_ENDS = 2**64 - 1  # position of a page on which no packet ends


@dataclass(frozen=True)
class _Page:
    flags: int
    position: int
    serial: int
    segments: bytes
    body: bytes

    def encoded(self, number: int) -> bytes:
        """Return the page as the given number of its stream."""
        head = struct.pack("<4s2BQ2I", b"OggS", 0, self.flags, self.position, self.serial, number)
        rest = bytes([len(self.segments)]) + self.segments + self.body
        return head + struct.pack("<I", _ogg_checksum(head + bytes(4) + rest)) + rest


def _ogg(source: BinaryIO, tags: Tags) -> Iterator[bytes]:
    """Replace the comments, which are the second packet; later pages get new numbers, as there may be more now."""
    pages = _pages(source)
    first = next(pages)
    opus = first.body.startswith(b"OpusHead")
    magic, framing = (b"OpusTags", b"") if opus else (b"\x03vorbis", b"\x01")
    headers = _packets(pages, 1 if opus else 2)  # Vorbis has a third header, the codebooks
    start = len(magic) + 4
    vendor = headers[0][start : start + int.from_bytes(headers[0][len(magic) : start], "little")]
    cover = [b"METADATA_BLOCK_PICTURE=" + base64.b64encode(_picture(tags.cover))] if tags.cover else []
    headers[0] = magic + _vorbis_comment(tags, vendor, *cover) + framing
    for number, page in enumerate(chain([first], _paged(headers, first.serial), pages)):
        yield page.encoded(number)


def _pages(source: BinaryIO) -> Iterator[_Page]:
    while head := source.read(27):
        magic, _, flags, position, serial, _, _, count = struct.unpack("<4s2BQ3IB", head)
        if magic != b"OggS":
            raise ValueError("the Ogg stream is damaged")
        segments = source.read(count)
        yield _Page(flags, position, serial, segments, source.read(sum(segments)))


def _packets(pages: Iterator[_Page], count: int) -> list[bytes]:
    """Read packets that end together with a page."""
    packets = [b""]
    while len(packets) <= count:
        page = next(pages)
        offset = 0
        for size in page.segments:
            packets[-1] += page.body[offset : offset + size]
            offset += size
            if size < _SEGMENT:
                packets.append(b"")
    return packets[:count]


def _paged(packets: list[bytes], serial: int) -> Iterator[_Page]:
    segments = b"".join(
        bytes([_SEGMENT]) * (len(packet) // _SEGMENT) + bytes([len(packet) % _SEGMENT]) for packet in packets
    )
    body = b"".join(packets)
    offset, flags = 0, 0
    for first in range(0, len(segments), 255):
        part = segments[first : first + 255]
        position = 0 if min(part) < _SEGMENT else _NOTHING_ENDS
        yield _Page(flags, position, serial, part, body[offset : offset + sum(part)])
        offset += sum(part)
        flags = _CONTINUED if part[-1] == _SEGMENT else 0


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_checksum(data: bytes) -> int:
    """Return Ogg's CRC, which is zlib's with the bits in reverse order and without the inversions."""
    inverted = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(inverted.to_bytes(4, "little").translate(_REVERSED))


_WRITERS: dict[str, Callable[[BinaryIO, Tags], Iterator[bytes]]] = {
    "wav": _wav,
    "flac": _flac,
    "mp3": _mp3,
    "ogg": _ogg,
    "opus": _ogg,
}
