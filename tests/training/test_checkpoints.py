from __future__ import annotations

import pytest
import torch

from partita.errors import OutputError
from partita.training.checkpoints import AtomicCheckpointIO


def test_a_checkpoint_appears_whole(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.arange(3)}, path)
    assert [entry.name for entry in path.parent.iterdir()] == ["last.ckpt"]
    assert torch.equal(torch.load(path)["weights"], torch.arange(3))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 64\nmore")])
def test_what_goes_wrong_is_one_line_and_the_old_one_stays(tmp_path, monkeypatch, error):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"old")

    def fail(_, file):
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OutputError, match=r"last\.ckpt: cannot be written: (No space|unexpected)") as caught:
        AtomicCheckpointIO().save_checkpoint({}, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
