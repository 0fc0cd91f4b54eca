from __future__ import annotations

import pytest

from partita.errors import ConfigError
from partita_songbook import library as module
from partita_songbook.library import Library


def names(files):
    return [file.path.name for file in files]


def append(material, text):
    with (material / "songbook.toml").open("a") as manifest:
        manifest.write(text)


def test_training_and_validation_share_nothing(material):
    train, valid = Library.open(material), Library.open(material, split="valid")
    assert (names(train.grooves), names(valid.grooves)) == (["train.mid"], ["validation.mid"])
    assert (names(train.songs), names(valid.songs)) == (["march.mid"], ["held-out.mid"])
    assert (list(train.singers), list(valid.singers)) == (["alto"], ["tenor"])
    assert (names(train.loops), names(valid.loops)) == (["loop.ogg"], [])
    assert (names(train.phrases), names(valid.phrases)) == (["phrase.ogg"], [])


def test_licences_are_those_of_the_manifest_or_else_of_the_folders(material):
    library = Library.open(material)
    assert library.grooves[0].licence == "CC-BY-4.0"
    assert library.singers["alto"][0].licence == "CC0"
    assert library.songs[0].licence == "not stated"


def test_only_performances_in_four_are_used(material):
    assert [(groove.path.name, groove.bpm) for groove in Library.open(material).grooves] == [("train.mid", 120)]


def test_vowels_are_sorted_into_choirs_and_voices(material):
    folder = material / "vocals" / "vowels_CC-BY-3.0"
    folder.mkdir()
    for name in ("female_a", "females_a", "male_a", "males_a"):
        (folder / f"{name}.ogg").touch()
    append(material, '[[collection]]\nkind = "vowels"\nfiles = ["vocals/vowels_*/*.ogg"]\n')
    append(material, 'choirs = ["*males_*"]\nfemale = ["female*"]\nvalid = ["male_*"]\n')
    vowels = Library.open(material).vowels
    assert [(v.path.stem, v.choir, v.female) for v in vowels] == [
        ("female_a", False, True),
        ("females_a", True, True),
        ("males_a", True, False),
    ]
    assert {(v.singer, v.licence) for v in vowels} == {("vowels", "CC-BY-3.0")}
    assert names(Library.open(material, split="valid").vowels) == ["male_a.ogg"]


def test_instruments_and_voices_are_divided_by_name(material, tmp_path, monkeypatch):
    for path in ("sf2/A.sf2", "sf2/B.sf2", "kits/K/drumkit.xml", "kits/L/drumkit.xml"):
        (material / path).parent.mkdir(parents=True, exist_ok=True)
        (material / path).touch()
    for name in ("Bass", "Pad", "Organ", "Lead"):
        (material / f"{name}.xiz").touch()
    monkeypatch.setattr("shutil.which", lambda _: "/bin/program")
    (tmp_path / "m.toml").write_text(
        'soundfonts = { folders = ["sf2"], valid = ["B"] }\nkits = { folders = ["kits"], valid = ["L"] }\n'
        'presets = { folders = ["."], valid_every = 2, licence = "CC0" }\n'
        'voices = [{ engine = "flite", names = ["slt", "rms"], valid = ["rms"], licence = "BSD" }]\n'
    )
    train, valid = (Library.open(material, manifest=tmp_path / "m.toml", split=split) for split in ("train", "valid"))
    assert [names(library.fonts) for library in (train, valid)] == [["A.sf2"], ["B.sf2"]]
    assert [[kit.name for kit in library.kits] for library in (train, valid)] == [["K"], ["L"]]
    assert [[voice.name for voice in library.voices] for library in (train, valid)] == [["slt"], ["rms"]]
    assert sorted(names(train.presets) + names(valid.presets)) == ["Bass.xiz", "Lead.xiz", "Organ.xiz", "Pad.xiz"]
    assert train.presets
    assert valid.presets
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    assert Library.open(material, manifest=tmp_path / "m.toml").fonts == ()  # nothing could play them


def test_a_plain_folder_of_midi_files_needs_no_manifest(material, tmp_path):
    mine = tmp_path / "mine" / "album"
    mine.mkdir(parents=True)
    song = (material / "midi/songs/march.mid").read_bytes()
    for path in (mine.parent / "a.mid", mine / "b.MID", mine / "c.midi"):
        path.write_bytes(song)
    assert names(Library.open(tmp_path / "mine").songs) == ["a.mid", "b.MID", "c.midi"]
    with pytest.raises(ConfigError, match=r"for the split 'valid'; name what it holds out .* in .*mine/songbook\.toml"):
        Library.open(tmp_path / "mine", split="valid")


def test_the_default_layout(material):
    (material / "songbook.toml").unlink()
    (material / "midi/drummer/session1").mkdir()
    song = (material / "midi/songs/march.mid").read_bytes()
    (material / "midi/drummer/session1/fill.mid").write_bytes(song)  # beside a table, so no song
    library = Library.open(material)
    assert names(library.songs) == ["held-out.mid", "march.mid"]
    assert names(library.grooves) == ["train.mid"]
    assert sorted(library.singers) == ["alto", "several"]
    assert (names(library.loops), names(library.phrases)) == (["loop.ogg"], ["phrase.ogg"])


def test_a_file_belongs_to_the_first_collection_that_matches(material):
    append(material, '[[collection]]\nkind = "loops"\nfiles = ["drums/**/*.ogg"]\nlicence = "MIT"\nvalid = ["*"]\n')
    assert names(Library.open(material).loops) == ["loop.ogg"]
    assert names(Library.open(material, split="valid").loops) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[[collection]]\nkind = "loops"\nfiles = ["loops/*.wav"]',
            r"collection\.6\.files: 'loops/\*\.wav' matches",
        ),
        ('[[collection]]\nkind = "loops"\nfiles = ["/loops/*.wav"]', "'/loops/.*' is no pattern relative to"),
    ],
)
def test_patterns_that_match_nothing_are_errors(material, text, message):
    append(material, text)
    with pytest.raises(ConfigError, match=message):
        Library.open(material)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("midi_filename,split\na.mid,train", r"info\.csv: the column 'time_signature' is missing"),
        ("midi_filename,bpm,time_signature,duration,split\na.mid,fast,4-4,30,train", r"info\.csv: cannot be read"),
    ],
)
def test_broken_tables_are_named(material, table, message):
    (material / "midi/drummer/info.csv").write_text(table)
    with pytest.raises(ConfigError, match=message):
        Library.open(material)


def test_folders_without_material_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="holds no material for the split 'train'; add MIDI files"):
        Library.open(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        Library.open(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="needs the folder that it describes"):
        Library.open(None, manifest=tmp_path / "songbook.toml")


def test_without_a_folder_there_are_only_instruments_and_voices():
    library = Library.open(None)
    assert not any((library.songs, library.grooves, library.singers, library.loops, library.phrases))
