from __future__ import annotations

import gzip
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from partita_songbook import lmms
from partita_songbook.lmms import Preset
from partita_songbook.midi import Note

RATE = 44_100
NOTES = (Note(0.5, 0.25, 60, 127), Note(1.0, 0.5, 72, 64))
XIZ = b'\n<?xml version="1.0"?>\n<ZynAddSubFX-data><INSTRUMENT><INFO/></INSTRUMENT></ZynAddSubFX-data>'
XPF = (
    b'<lmms-project><instrumenttracksettings><instrumenttrack vol="80"><instrument name="tripleoscillator"/>'
    b"</instrumenttrack></instrumenttracksettings></lmms-project>"
)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A stand-in that writes a second of sound and keeps the project; it fails for one that says ``broken``."""
    soundfile.write(tmp_path / "sound.wav", np.full((RATE, 2), 0.25), RATE, subtype="FLOAT")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "lmms").write_text(
        f'#!/bin/sh\ncp "$3" {tmp_path}/project.mmp\ngrep -q broken "$3" && exit 1\ncp {tmp_path}/sound.wav "$5"\n'
    )
    (folder / "lmms").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return tmp_path


@pytest.fixture
def preset(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content)
        return Preset(tmp_path / name, "lead")

    return write


@pytest.mark.usefixtures("program")
def test_presets_have_a_use_by_their_name_or_their_folder(tmp_path):
    names = ("Bass/0001-Low.xiz", "Misc/Warm Pad.xpf", "Misc/Odd.xiz", "Pads/0002-Choir.xiz", "Bass/readme.txt")
    for name in names:
        (tmp_path / "banks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "banks" / name).touch()
    found = lmms.find_presets([tmp_path / "banks"], "GPL-2.0")
    assert [(preset.path.stem, preset.use) for preset in found] == [("0001-Low", "bass"), ("Warm Pad", "pad")]
    assert found[0].licence == "GPL-2.0"


def test_without_lmms_there_are_no_presets(tmp_path, monkeypatch):
    (tmp_path / "Bass.xiz").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lmms.find_presets([tmp_path]) == []


@pytest.mark.parametrize("name", ["a.xiz", "zipped.xiz", "a.xpf"])
def test_the_project_holds_the_notes_and_the_sound(program, preset, name):
    content = XPF if name.endswith("xpf") else gzip.compress(XIZ) if name.startswith("zipped") else XIZ
    audio = lmms.play(preset(name, content), NOTES, 2 * RATE)
    assert audio.shape == (2, 2 * RATE)
    assert audio.dtype == np.float32
    assert (audio[:, :RATE] == 0.25).all()
    assert not audio[:, RATE:].any()
    project = ElementTree.parse(program / "project.mmp")
    assert project.find(".//head").get("bpm") == "240"  # 192 ticks a second
    notes = [{name: int(note.get(name)) for name in ("pos", "len", "key", "vol")} for note in project.iter("note")]
    assert notes == [
        {"pos": 96, "len": 48, "key": 48, "vol": 100},
        {"pos": 192, "len": 96, "key": 60, "vol": 50},
    ]
    instrument = project.find(".//instrumenttrack/instrument").get("name")
    assert instrument == ("tripleoscillator" if name.endswith("xpf") else "zynaddsubfx")
    assert (project.find(".//PART/INSTRUMENT") is None) == name.endswith("xpf")


@pytest.mark.parametrize("content", [b"", b"<no", b"<ZynAddSubFX-data/>", XIZ.replace(b"INFO", b"broken")])
@pytest.mark.usefixtures("program")
def test_what_cannot_be_played_is_none(preset, content):
    assert lmms.play(preset("bad.xiz", content), NOTES, RATE) is None


@pytest.mark.skipif(shutil.which("lmms") is None, reason="wants lmms")
def test_lmms_plays_a_note_where_and_as_high_as_it_should(preset):
    oscillator = XPF.replace(
        b'name="tripleoscillator"/>', b'name="tripleoscillator"><tripleoscillator vol1="0" vol2="0"/></instrument>'
    )
    audio = lmms.play(preset("sine.xpf", oscillator), (Note(0.5, 1.0, 69, 100),), 2 * RATE)
    assert np.abs(audio[:, : RATE // 2 - 500]).max() < 1e-4
    spectrum = np.abs(np.fft.rfft(audio[0, RATE // 2 : RATE * 3 // 2]))
    assert spectrum.argmax() == pytest.approx(440, abs=3)
