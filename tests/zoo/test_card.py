from __future__ import annotations

import os
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from partita.errors import ModelError
from partita.models import configure
from partita.zoo import find_package
from partita.zoo.card import WindowLengths, read_card
from partita.zoo.export import write_card
from tests.zoo.cards import edit_card, edits


def test_a_card_survives_being_written(convolutional, tmp_path):
    write_card(convolutional.card, tmp_path)
    assert read_card(tmp_path) == convolutional.card


def test_lengths_survive_being_written(convolutional, tmp_path):
    card = replace(convolutional.card, lengths=WindowLengths((4.0, 6.0), (10.0,)))
    write_card(card, tmp_path)
    assert read_card(tmp_path) == card


def test_the_default_card_has_the_lengths_of_its_windows():
    assert find_package("default").card.lengths == WindowLengths((6.0,), (10.0,))


@pytest.mark.parametrize("segment", [6.0, 7.5, 10.0])
def test_known_lengths_need_no_warning(segment):
    assert WindowLengths((6.0,), (10.0,)).warning(segment) is None


@pytest.mark.parametrize("segment", [5.9, 20.0])
def test_other_lengths_are_warned_of(segment):
    warning = WindowLengths((6.0,), (10.0,)).warning(segment)
    assert warning.startswith(f"segment: {segment:g} s is outside")
    assert "trained on 6 s, measured with 10 s" in warning


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "name: missing"),
        (b"name = ", "not valid TOML"),
        (b"name = 'x'", "description: missing"),
        (b"\xff", "not a text file"),
    ],
)
def test_a_broken_card_is_named(tmp_path, content, message):
    (tmp_path / "card.toml").write_bytes(content)
    with pytest.raises(ModelError, match=rf"card\.toml: .*{message}"):
        read_card(tmp_path)


def test_lengths_follow_from_the_configuration(convolutional, tmp_path):
    edit_card(convolutional, tmp_path, geometry=None, stages=None)
    with pytest.raises(ModelError, match=r"card\.toml: geometry: missing"):
        read_card(tmp_path)
    edit_card(convolutional, tmp_path, **{"geometry|edge": convolutional.card.geometry.edge + 1})
    with pytest.raises(ModelError, match=r"card\.toml: geometry: not that of this demucs; install or export"):
        read_card(tmp_path)
    edit_card(convolutional, tmp_path, **{"stages|output|rate": 8})
    with pytest.raises(ModelError, match=r"card\.toml: stages: not those of this demucs"):
        read_card(tmp_path)


def test_a_card_of_version_0_1_has_one_graph(convolutional, tmp_path):
    write_card(convolutional.card, tmp_path)
    facts = tomllib.loads((tmp_path / "card.toml").read_text())
    del facts["stages"]
    facts["graph_sha256"] = facts.pop("graphs")["model.onnx"]
    (tmp_path / "card.toml").write_text(tomli_w.dumps(facts))
    graphs = {"model.onnx": convolutional.card.graphs["model.onnx"]}
    assert read_card(tmp_path) == replace(convolutional.card, graphs=graphs, stages=None)


def test_a_folder_without_a_card_is_no_package(tmp_path):
    (tmp_path / "config.toml").touch()
    with pytest.raises(ModelError, match=r"not a model package, it has no card\.toml"):
        read_card(tmp_path)


def test_an_unfinished_run_is_recognised(tmp_path):
    """Its configuration and log are written first, then checkpoints, the card last."""
    (tmp_path / "config.toml").touch()
    (tmp_path / "log").mkdir()
    finish = rf"unfinished training run.*partita train {tmp_path}/config\.toml --out {tmp_path}"
    with pytest.raises(ModelError, match=rf"{finish}, and"):
        read_card(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(ModelError, match=rf"{finish} --resume, and"):
        read_card(tmp_path)


FACTS = tomllib.loads((find_package("default").folder / "card.toml").read_text())


@given(edits(FACTS))
def test_any_card_is_read_or_refused(tmp_path_factory, facts):
    folder = tmp_path_factory.mktemp("card")
    (folder / "card.toml").write_bytes(tomli_w.dumps(facts).encode("utf-8", "surrogatepass"))
    try:
        card = read_card(folder)
    except ModelError as error:
        assert str(error).startswith(f"{folder / 'card.toml'}: ")  # noqa: PT017
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert card.geometry == configure(card.architecture, **card.configuration).geometry


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("card")
    (folder / "card.toml").write_bytes(content)
    with pytest.raises(ModelError, match=r"card\.toml: "):
        read_card(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../../ESCAPED"}, "name: '../../ESCAPED' is not a plain name: it contains /"),
        ({"name": "x" * 300}, "name: .* is longer"),
        ({"sources": ["../../../victim", "b", "c", "d"]}, "sources: .* is not a plain name"),
        ({"sources": ["drums", "Drums", "other", "vocals"]}, "sources: .* are the same name"),
        ({"sources": ["drums", "bass", "other"]}, "sources: differs from the configuration"),
        ({"sources": "drums"}, "sources: must be a list, not the text 'drums'"),
        ({"audio_channels": 1}, "audio_channels: differs from the configuration, which has 2"),
        ({"audio_channels": True}, "audio_channels: must be a whole number, not true"),
        ({"sample_rate": 2**70}, "sample_rate: the number is too large"),
        ({"sample_rate": 48000}, "sample_rate: differs"),
        ({"segment": float("nan")}, "segment: must be finite"),
        ({"segment": 0}, "segment: must be a sample to 3600 s, not 0 s"),
        ({"segment": 1e300}, "segment: must be"),
        ({"parameters": -1}, "parameters: must be"),
        ({"weights_sha256": "no"}, "weights_sha256: must be a sha256"),
        ({"graphs": "model.onnx"}, "graphs: must be a table"),
        ({"graphs|../a.onnx": "0" * 64}, "graphs: '../a.onnx' is not a plain name"),
        ({"graphs|C:a.onnx": "0" * 64}, "graphs: 'C:a.onnx' is not a plain name"),
        ({"graphs|model.onnx": 1}, r"graphs\.model\.onnx: must be text, not 1"),
        ({"architecture": "demucz"}, "unknown architecture 'demucz': did you mean 'demucs'"),
        ({"configuration|depth": 10**9}, "depth: must be at most"),
        ({"configuration|stride": "4"}, "stride: must be a whole number, not the text '4'"),
        ({"configuration|surprise": 1}, "demucs has no field 'surprise'"),
        ({"geometry": 3}, "geometry: must be a table, not 3"),
        ({"geometry|multiple": 0}, "geometry: the lengths are impossible"),
        ({"stages|skips": [{"rate": 1}]}, "stages: not those"),
        ({"scores": {"sdr": {"drums": "high"}}}, r"scores\.sdr: must be a table of numbers"),
        ({"scores": {"definition": 1}}, r"scores\.definition: must be text"),
        ({"licence": "\x1b[31mred"}, "licence'?: contains a character that is not printable"),
        ({"lengths": {"trained": [1, "x"]}}, r"lengths\.trained: must be a number"),
        ({"surprise": 1}, "unknown field 'surprise'"),
    ],
)
def test_a_hostile_card_is_named(recurrent, tmp_path, changes, message):
    edit_card(recurrent, tmp_path, **changes)
    with pytest.raises(ModelError, match=rf"card\.toml: '?{message}"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"segment = " + b"9" * 5000, "not valid TOML"),
        (b"training = " + b"[" * 50000, "not valid TOML: nested too deeply"),
        (b"training = " + b"{a=" * 50000, "not valid TOML: nested too deeply"),
        (b"#" * 2**21, "is larger than 1 MB"),
    ],
)
def test_a_hostile_file_is_named(tmp_path, content, message):
    (tmp_path / "card.toml").write_bytes(content)
    with pytest.raises(ModelError, match=rf"card\.toml: {message}"):
        read_card(tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "device", "link", "folder"])
def test_a_card_is_a_regular_file(recurrent, tmp_path, kind):
    path = tmp_path / "card.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else recurrent.folder / "card.toml")
    with pytest.raises(ModelError, match=r"card\.toml: (is not a regular file|is a link|cannot be read)"):
        read_card(tmp_path)


def test_the_card_in_the_documentation_is_valid(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "model-packages.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[geometry]" in block]
    (tmp_path / "card.toml").write_text(re.sub(r'"([0-9a-f]{8})\.\.\."', lambda match: f'"{match[1] * 8}"', example))
    card = read_card(tmp_path)
    assert (card.name, card.geometry.multiple, card.stages) == ("my-model", 4096, None)
