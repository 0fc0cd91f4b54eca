from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from partita.errors import ConfigError, ModelError
from partita.zoo.home import checked_name
from partita.zoo.published import published_model, published_models


def test_every_published_model_can_be_asked_for():
    models = published_models()
    assert {"htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi", "mdx", "mdx_extra", "mdx_q", "mdx_extra_q"} <= set(
        models
    )
    assert {"light", "demucs48_hq", "demucs_quantized", "umxhq", "umxl", "repro_mdx_a_time_only"} <= set(models)
    for name, model in models.items():
        assert published_model(name) == model
        assert checked_name(name) == name
        assert model.description
        assert model.licence
        assert bool(model.files) != bool(model.members)
        for member in model.members:
            assert published_model(member.name).files == member.files


def test_files_have_the_checksum_that_their_name_states():
    files = {file.url: file for model in published_models().values() for file in model.all_files}
    assert len(files) == 51
    for url, file in files.items():
        assert urlsplit(url).scheme == "https"
        assert re.fullmatch("[0-9a-f]{8}|[0-9a-f]{64}", file.sha256)
        if match := re.search(r"-([0-9a-f]{8})\.", file.name):
            assert match[1] == file.sha256
        else:
            assert len(file.sha256) == 64
    names = [file.name for file in files.values()]
    assert len(names) == len(set(names))  # a mirror is one folder


def test_weights_of_a_bag_are_for_each_member_and_source():
    for model in published_models().values():
        if model.weights:
            assert len(model.weights) == len(model.members)
            assert {len(weights) for weights in model.weights} == {4}
    assert published_model("htdemucs_ft").weights[3] == (0, 0, 0, 1)
    assert published_model("mdx").segment == 44


def test_the_members_and_the_size_for_some_stems():
    bag = published_model("htdemucs_ft")
    assert [member.name for member in bag.needed(["vocals"])] == ["04573f0d"]
    assert [member.name for member in bag.needed(["other", "drums"])] == ["f7e0c4bc", "92cfc3b6"]
    assert published_model("mdx_extra").needed(["bass"]) == published_model("mdx_extra").members
    with pytest.raises(ConfigError, match="stems: htdemucs_ft separates drums, bass, other, vocals, not 'piano'"):
        bag.needed(["piano"])
    assert "about 84 MB, 1 of 4 models from" in bag.announcement(bag.needed(["vocals"]))
    assert published_model("htdemucs_6s").sources[4:] == ("guitar", "piano")


def test_a_name_that_was_used_twice_needs_a_year():
    for name in ("demucs", "demucs_extra", "tasnet", "tasnet_extra"):
        with pytest.raises(ModelError, match=f"'{name}' names two different models; choose {name}-2019 or {name}-2021"):
            published_model(name)
    with pytest.raises(KeyError):
        published_model("unknown")


def test_the_announcement_states_size_check_and_licence(monkeypatch):
    monkeypatch.delenv("PARTITA_MIRROR", raising=False)
    assert published_model("htdemucs").announcement() == (
        "htdemucs: about 84 MB from dl.fbaipublicfiles.com, checked by the 8 published digits of the sha256; licence: "
        "none stated for the weights; the authors provide them for scientific purposes only "
        "(github.com/facebookresearch/demucs/issues/327)"
    )
    assert "about 336 MB" in published_model("htdemucs_ft").announcement()
    assert "of unknown size" in published_model("mdx").announcement()
    assert "checked by sha256;" in published_model("light").announcement()
    monkeypatch.setenv("PARTITA_MIRROR", "/media/models")
    assert "from the mirror," in published_model("htdemucs").announcement()
