from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from partita.errors import AudioError, ConfigError, ModelError
from partita.models import build
from partita.training import has_checkpoint, package_checkpoint
from partita.training.folder import last_checkpoint
from partita.training.start import check_folder, check_songs, load_songs, start_model
from tests.data.test_songs import make_song
from tests.training.runs import config, train


def test_a_folder_holds_one_run(tmp_path):
    check_folder(tmp_path, resume=False)
    with pytest.raises(ConfigError, match="no checkpoint to resume from"):
        check_folder(tmp_path, resume=True)
    last_checkpoint(tmp_path).parent.mkdir()
    last_checkpoint(tmp_path).touch()
    assert has_checkpoint(tmp_path)
    check_folder(tmp_path, resume=True)
    with pytest.raises(ConfigError, match="already holds a run; add --resume"):
        check_folder(tmp_path, resume=False)


@pytest.mark.parametrize("field", ["optim.schedule=plateau", "optim.early_stop=3"])
def test_what_counts_validations_needs_validation_songs(field):
    with pytest.raises(ConfigError, match=rf"{field.split('=')[0]}.*--valid"):
        check_songs(config(field), [1.0], [])
    check_songs(config(field), [1.0], [object()])


def test_windows_exclude_weights():
    check_songs(config("data.stride=1.0"), [2.0, 2.0], [])
    check_songs(config(), [1.0, 2.0], [])
    with pytest.raises(ConfigError, match="shows every window once"):
        check_songs(config("data.stride=1.0"), [1.0, 2.0], [])


def test_songs_are_decoded_for_the_model(folder):
    model = build("demucs", channels=4, depth=2, sources=("bass", "drums"), sample_rate=22050)
    songs = load_songs([folder / "songs"], model, folder / "cache", limit=2)
    assert [(song.name, song.sources, song.sample_rate) for song in songs] == [
        ("0", ("bass", "drums"), 22050),
        ("1", ("bass", "drums"), 22050),
    ]


def test_a_corrupt_song_is_named_and_left_out(folder, caplog):
    broken = folder / "songs" / "broken"
    broken.mkdir()
    (broken / "drums.wav").write_bytes(b"RIFF\0\0\0\0WAVE nothing")
    songs = load_songs([folder / "songs"], build("demucs", channels=4, depth=2), folder / "cache")
    assert [song.name for song in songs] == ["0", "1", "2"]
    assert "left out: broken" in caplog.text
    assert "drums.wav" in caplog.text


def test_no_song_at_all_is_an_error(tmp_path):
    make_song(tmp_path / "songs" / "a", stems=("kazoo",))
    with pytest.raises(AudioError, match="no song in it"):
        train(tmp_path, "run")


def init(package: Path, *changes: str) -> tuple[str, ...]:
    """Return the overrides that start a run with a package of the tests' small Demucs."""
    return (f"model.init={package}", "model.configuration.channels=4", "model.configuration.depth=3", *changes)


def test_a_fresh_model_follows_from_the_seed():
    (one, sha256), (same, _), (other, _) = (start_model(config(f"run.seed={seed}")) for seed in (1, 1, 2))
    assert sha256 is None
    first, again, different = (next(model.parameters()) for model in (one, same, other))
    assert torch.equal(first, again)
    assert not torch.equal(first, different)


def test_a_run_starts_with_the_weights_of_a_package(recurrent):
    model, sha256 = start_model(config(*init(recurrent.folder)))
    assert model.training
    assert sha256 == recurrent.card.weights_sha256
    for name, value in recurrent.load_torch().state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


@pytest.mark.usefixtures("bare")
def test_a_resumed_run_needs_its_first_package_no_more_and_still_names_it(folder, recurrent):
    copy = shutil.copytree(recurrent.folder, folder / "package")
    train(folder, "run", *init(copy, "optim.steps=1"))
    shutil.rmtree(copy)
    train(folder, "run", *init(copy, "optim.steps=2"), resume=True)
    package = package_checkpoint(last_checkpoint(folder / "run"), config(*init(copy)), folder / "made")
    assert package.card.training["steps"] == 2
    assert package.card.training["init_sha256"] == recurrent.card.weights_sha256
    assert package.card.training["configuration"]["model"]["init"] == str(copy)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (("demucs", "{channels=6, depth=3}"), "channels of .* is 4, but of this run 6"),
        (("wave-unet", "{}"), "is a demucs, but model.architecture is wave-unet"),
    ],
)
def test_a_package_of_another_model_is_refused(recurrent, model, told):
    architecture, fields = model
    start = (f"model.init={recurrent.folder}", f"model.architecture={architecture}", f"model.configuration={fields}")
    with pytest.raises(ConfigError, match=told):
        start_model(config(*start))


def test_there_must_be_such_a_package():
    with pytest.raises(ModelError, match=r"no model 'defalt'.*default"):
        start_model(config("model.init=defalt"))
