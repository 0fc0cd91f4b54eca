from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita.errors import ConfigError
from partita.system.names import check_plain_name, check_plain_names

ESCAPES = ["", ".", "..", "../a", "/a", "a/b", "a\\b", "..\\a", "C:a", "a\0b", "a\nb", "\x1b[2J", "a\u202eb", "\ud800"]
AWKWARD = [".hidden", "a.", "a ", " a", "a*", "a?", "con", "NUL", "nul.wav", "Com1", "LPT¹.x", "aux .txt", "x" * 101]


@pytest.mark.parametrize("name", [*ESCAPES, *AWKWARD, "é" * 101, "\U0001f3b8" * 51])
def test_what_is_not_a_plain_name_is_refused(name):
    with pytest.raises(ConfigError, match=r"name: .* is not a plain name: ") as caught:
        check_plain_name("name", name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name", ["vocals", "htdemucs_ft", "no vocals", "Stimme (Frau)", "ドラム", "a.b", "-x", "console", "x" * 100]
)
def test_plain_names(name):
    check_plain_name("name", name)


@given(st.text(min_size=1, max_size=120))
def test_a_plain_name_names_a_file_in_its_folder(tmp_path_factory, name):
    try:
        check_plain_name("name", name)
    except ConfigError:
        return
    folder = tmp_path_factory.mktemp("names")
    (folder / f"{name}.flac").touch()
    assert [path.stem for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("names", [("a", "a"), ("Drums", "drums"), ("\u00e9", "e\u0301"), ("straße", "STRASSE")])
def test_two_names_of_one_file_are_refused(names):
    with pytest.raises(ConfigError, match=r"sources: .* are the same name on some systems"):
        check_plain_names("sources", names)
    check_plain_names("sources", names[:1])
