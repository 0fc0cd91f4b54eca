"""Parts played on presets of LMMS and ZynAddSubFX, by the lmms program."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from partita_songbook.effects import RATE, Audio
from partita_songbook.midi import Note
from partita_songbook.recordings import read_audio

__all__ = ["Preset", "find_presets", "play"]

_TEMPO = 240  # beats per minute; a beat has 48 ticks
_TICKS = 48 * _TEMPO // 60  # per second
_TIMEOUT = 60  # seconds; a few presets take minutes to render

# Patterns of the name of a preset, or else of its folder, for each use; the first match counts. Those of _UNSUITABLE,
# unpitched or vocal, are not used.
_UNSUITABLE = (
    r"drum|kick|snare|noise|hit|wind|choir|voice|vox|voc|aah|ooh|arp|seq|split|fx|effect|thunder|rain|explo|laser"
)
_USES = {
    "": _UNSUITABLE,
    "bass": r"bass|303",
    "pad": r"pad|string|sweep|soft|ambien|space|warm|atmo|dream|evolv|drone",
    "organ": r"organ|hammond|accord",
    "bell": r"bell|glock|vibra|chime|marimba|xylo|kalimba|music box|metal",
    "keys": r"piano|rhodes|keys|clav|harpsi|epiano|e-piano|dx",
    "pluck": r"pluck|guitar|harp|sitar|koto|banjo|pizz|short|pick",
    "lead": r"lead|brass|solo|saw|square|flute|reed|sax|trumpet|horn|synth|analog|hoover|theremin|moog",
}


@dataclass(frozen=True)
class Preset:
    """A preset of a synthesiser.

    Attributes:
        path: The ``.xiz`` (ZynAddSubFX) or ``.xpf`` (LMMS) file.
        use: bass, pad, organ, bell, keys, pluck or lead.
        licence: Its licence.
    """

    path: Path
    use: str
    licence: str = "not stated"


def find_presets(folders: Iterable[Path], licence: str = "not stated") -> list[Preset]:
    """List the presets below ``folders`` that suit a pitched, instrumental part, sorted by path.

    Args:
        folders: Folders to search at any depth; missing ones are skipped.
        licence: Licence of the presets.

    Returns:
        The presets; none where lmms is not installed.
    """
    if shutil.which("lmms") is None:
        return []
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in (".xiz", ".xpf"))
    return [Preset(path, use, licence) for path in paths if (use := _use(path))]


def play(preset: Preset, notes: tuple[Note, ...], samples: int) -> Audio | None:
    """Play notes with a preset.

    Args:
        preset: The preset.
        notes: The notes.
        samples: Length of the result.

    Returns:
        Float32 ``(2, samples)``, or ``None`` if lmms cannot play it in a minute.
    """
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "part.mmp"), Path(folder, "part.wav")
        try:
            score.write_text(_project(preset, notes, samples), encoding="utf-8")
        except (ElementTree.ParseError, LookupError, OSError, zlib.error):
            return None
        command = ["lmms", "--allowroot", "render", str(score), "-o", str(sound), "-a", "-s", str(RATE)]
        environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "HOME": folder}
        try:
            done = subprocess.run(command, capture_output=True, env=environment, timeout=_TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode or not sound.exists():
            return None
        audio = read_audio(sound)[:, :samples]
    out = np.zeros((2, samples), np.float32)
    out[:, : audio.shape[-1]] = audio
    return out


def _use(path: Path) -> str:
    for text in (path.stem, path.parent.name):
        for use, words in _USES.items():
            if re.search(words, text, re.IGNORECASE):
                return use
    return ""


def _project(preset: Preset, notes: Iterable[Note], samples: int) -> str:
    """Return an LMMS project with one track, as XML."""
    instrument = _zyn_track(preset.path) if preset.path.suffix == ".xiz" else _lmms_track(preset.path)
    project = ElementTree.Element("lmms-project", version="1.0", type="song", creator="LMMS", creatorversion="1.2.2")
    ElementTree.SubElement(
        project, "head", bpm=str(_TEMPO), timesig_numerator="4", timesig_denominator="4", mastervol="100"
    )
    container = ElementTree.SubElement(ElementTree.SubElement(project, "song"), "trackcontainer", type="song")
    track = ElementTree.SubElement(container, "track", type="0", name="part", muted="0", solo="0")
    track.append(instrument)
    pattern = ElementTree.SubElement(track, "pattern", type="1", pos="0", muted="0", steps="16", name="")
    for note in notes:
        if note.start * RATE < samples:
            place = {"pos": round(note.start * _TICKS), "len": max(round(note.duration * _TICKS), 1)}
            how = {"key": note.pitch - 12, "vol": round(note.velocity / 1.27), "pan": 0}
            ElementTree.SubElement(pattern, "note", {name: str(value) for name, value in (place | how).items()})
    return ElementTree.tostring(project, encoding="unicode")


def _lmms_track(path: Path) -> ElementTree.Element:
    """Return the track in an LMMS preset."""
    found = ElementTree.fromstring(path.read_bytes()).find(".//instrumenttrack")
    if found is None:
        raise LookupError(f"{path} holds no track")
    found.set("vol", "40")
    return found


def _zyn_track(path: Path) -> ElementTree.Element:
    """Return a track of ZynAddSubFX with the instrument as its first part."""
    data = path.read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    instrument = ElementTree.fromstring(data.strip()).find("INSTRUMENT")
    if instrument is None:
        raise LookupError(f"{path} holds no instrument")
    track = ElementTree.Element("instrumenttrack", vol="50", pan="0", basenote="57", fxch="0", usemasterpitch="1")
    plugin = ElementTree.SubElement(ElementTree.SubElement(track, "instrument", name="zynaddsubfx"), "zynaddsubfx")
    versions = {"version-major": "2", "version-minor": "4", "version-revision": "4"}
    master = ElementTree.SubElement(ElementTree.SubElement(plugin, "ZynAddSubFX-data", versions), "MASTER")
    part = ElementTree.SubElement(master, "PART", id="0")
    ElementTree.SubElement(part, "par_bool", name="enabled", value="yes")
    part.append(instrument)
    return track
