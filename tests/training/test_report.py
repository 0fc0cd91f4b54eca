from __future__ import annotations

from partita.training.report import read_metrics, write_metrics


def log(run, version, text):
    folder = run / "log" / f"version_{version}"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text(text)


def test_a_resumed_run_overrides_what_lies_past_its_checkpoint(tmp_path):
    log(tmp_path, 2, "step,train_loss,valid_loss\n9,0.9,0.6\n19,0.8,\n19,,0.7\n")
    log(tmp_path, 10, "step,train_loss\n14,0.5\n24,0.4\n")
    found = read_metrics(tmp_path)
    assert list(found) == [9, 14, 24]
    assert write_metrics(tmp_path) == found
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,train_loss,valid_loss",
        "9,0.9,0.6",
        "14,0.5,",
        "24,0.4,",
    ]
