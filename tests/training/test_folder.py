from __future__ import annotations

from partita.training.folder import has_checkpoint, last_checkpoint


def test_a_run_with_a_checkpoint_can_be_resumed(tmp_path):
    assert not has_checkpoint(tmp_path / "run")
    path = last_checkpoint(tmp_path / "run")
    path.parent.mkdir(parents=True)
    assert not has_checkpoint(tmp_path / "run")
    path.touch()
    assert has_checkpoint(tmp_path / "run")
