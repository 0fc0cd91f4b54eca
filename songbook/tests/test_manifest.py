from __future__ import annotations

from pathlib import Path

import pytest

from partita.errors import ConfigError
from partita_songbook.manifest import load_manifest, matches

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def load(tmp_path):
    def write(text):
        (tmp_path / "songbook.toml").write_text(text)
        return load_manifest(tmp_path / "songbook.toml")

    return write


def test_the_default_describes_a_layout_and_what_debian_installs():
    manifest = load_manifest()
    assert {of.kind for of in manifest.collection} == {"songs", "grooves", "singers", "phrases", "loops", "stems"}
    assert not any(of.valid for of in manifest.collection)
    assert manifest.soundfonts.licences["FluidR3*"] == "MIT"
    assert [group.engine for group in manifest.voices] == ["espeak-ng", "flite", "text2wave"]
    assert all(set(group.valid) <= set(group.names) for group in manifest.voices)


def test_a_table_replaces_that_of_the_default(load):
    manifest = load('[kits]\nfolders = ["mine"]')
    assert manifest.kits.folders == ("mine",)
    assert manifest.kits.valid == ()
    assert manifest.soundfonts == load_manifest().soundfonts
    assert manifest.collection == load_manifest().collection


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_valid(path):
    assert load_manifest(path).collection


COLLECTION = '[[collection]]\nkind = "songs"\nfiles = ["*.mid"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("collection = 3", "collection: "),
        ("[kit]", "unknown field 'kit': did you mean 'kits'"),
        ("[kits]\nfolder = []", "unknown field 'kits.folder': did you mean 'kits.folders'"),
        (COLLECTION.replace("songs", "tunes"), "collection.0.kind: Input should be 'songs', 'grooves'"),
        (COLLECTION.replace('["*.mid"]', "[]"), "collection.0.files: "),
        (COLLECTION + "colour = 1", "unknown field 'collection.0.colour'"),
        (COLLECTION + 'singer = "{file}"', "collection.0: singer is only for singers and vowels, not for songs"),
        (COLLECTION.replace("songs", "grooves") + 'valid = ["a"]', "column split of their table"),
        ("[presets]\nvalid_every = 1", "presets.valid_every: "),
        ("[presets", "not valid TOML"),
    ],
)
def test_errors_name_the_file_and_the_field(load, text, message):
    with pytest.raises(ConfigError) as raised:
        load(text)
    assert "songbook.toml: " in str(raised.value)
    assert message in str(raised.value)


def test_missing_manifests_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.toml: cannot be read"):
        load_manifest(tmp_path / "no.toml")


def test_patterns_match_whole_names_by_case():
    assert matches("vocadito_10", ("x", "vocadito_1?"))
    assert not matches("vocadito_100", ("vocadito_1?",))
    assert not matches("Alto", ("alto",))
    assert not matches("alto", ())
