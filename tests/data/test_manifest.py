from __future__ import annotations

import pytest

from partita.data import find_songs
from partita.errors import ConfigError


@pytest.fixture
def root(tmp_path):
    for name in (
        "kick in.wav",
        "kick out.wav",
        "snare.wav",
        "rooms/left.flac",
        "rooms/plan.pdf",
        "bass.wav",
        "mixture.wav",
    ):
        path = tmp_path / "song" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(song, stem):
    return [str(path.relative_to(song.root / song.name)) for path in song.files(stem)]


def test_stems_are_sums_of_the_files_that_match(root):
    (root / "songs.toml").write_text('[stems]\ndrums = ["kick*", "snare*", "k*", "rooms/*"]\nvocals = "lead*"')
    (song,) = find_songs([root], ("drums", "bass", "vocals"))
    assert names(song, "drums") == ["kick in.wav", "kick out.wav", "rooms/left.flac", "snare.wav"]
    assert names(song, "bass") == ["bass.wav"]  # not in the manifest: the file named after it
    assert set(song.stems) == {"drums", "bass"}  # nothing matches vocals, which are silent


def test_the_manifest_names_the_stems_by_default(root):
    (root / "songs.toml").write_text('[stems]\ndrums = "*in*"')
    (song,) = find_songs([root])
    assert {stem: names(song, stem) for stem in song.stems} == {"drums": ["kick in.wav"]}
    assert song.mixture == root / "song" / "mixture.wav"


def test_a_file_belongs_to_one_stem(root):
    (root / "songs.toml").write_text('[stems]\ndrums = "*.wav"')
    with pytest.raises(ConfigError, match=r"bass\.wav matches both drums and bass"):
        find_songs([root], ("drums", "bass"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stems = 3", r"needs a \[stems\] table"),
        ("", r"needs a \[stems\] table"),
        ("[stem]", r"unknown field 'stem': did you mean 'stems'\?"),
        ("[stems]\ndrums = 3", r"stems\.drums: give a pattern"),
        ("[stems]\ndrums = []", r"stems\.drums: give a pattern"),
        ("[stems]\ndrums = '/etc/*'", r"stems\.drums: '/etc/\*' points outside"),
        ("[stems]\ndrums = '../*'", r"stems\.drums: '\.\./\*' points outside"),
        ("[stems]\nmixture = 'mix*'", "the mixture is not a stem"),
        ("[stems", "songs.toml: "),
        (b"\xff", "songs.toml: "),
    ],
)
def test_an_invalid_manifest_is_refused(root, content, message):
    (root / "songs.toml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError, match=message):
        find_songs([root], ("drums",))
