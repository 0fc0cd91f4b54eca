from __future__ import annotations

import gzip
import json
import math

import numpy as np
import pytest

from partita.errors import ConfigError, OutputError
from partita.evaluation.results import METRICS, Run, SongScores, load_runs, save_runs, with_distinct_names

SOURCES = ("drums", "vocals")


def song(name, seed):
    rng = np.random.default_rng(seed)
    frames = {metric: rng.normal(5, 3, (2, 7)) for metric in (*METRICS, "energy_at_silence")}
    frames["sdr"][0, 2], frames["sir"][1, 0], frames["energy_at_silence"][:, 3] = math.nan, math.inf, -math.inf
    return SongScores(name, 7.5, frames, {"sdr": np.array([4.5, math.nan]), "si_sdr": np.array([-math.inf, 2.0])})


RUN = Run("model", SOURCES, 1.0, 0.5, (song("one", 1), song("zwei <&> ü", 2)), {"three": "three: it is broken"})


def test_what_is_saved_is_loaded(tmp_path):
    save_runs([RUN, Run("empty", SOURCES, 1.0, 1.0, ())], tmp_path / "new" / "scores.json")
    again, empty = load_runs(tmp_path / "new" / "scores.json")
    assert (again.name, again.sources, again.window, again.hop) == ("model", SOURCES, 1.0, 0.5)
    assert again.failures == RUN.failures
    for found, expected in zip(again.songs, RUN.songs, strict=True):
        assert (found.name, found.seconds) == (expected.name, expected.seconds)
        for kind in ("frames", "whole"):
            assert getattr(found, kind).keys() == getattr(expected, kind).keys()
            for metric, values in getattr(expected, kind).items():
                np.testing.assert_allclose(getattr(found, kind)[metric], values, rtol=0, atol=1e-6)
    assert not empty.songs
    assert empty.medians().shape == (0, 2)


def test_an_oracle_stays_one_and_older_files_have_none(tmp_path):
    save_runs([Run("irm2", SOURCES, 1.0, 1.0, (), oracle=True), RUN], str(tmp_path / "scores.json"))
    assert [run.oracle for run in load_runs(str(tmp_path / "scores.json"))] == [True, False]
    facts = json.loads((tmp_path / "scores.json").read_text())
    del facts["runs"][0]["oracle"]
    (tmp_path / "scores.json").write_text(json.dumps(facts))
    assert [run.oracle for run in load_runs(tmp_path / "scores.json")] == [False, False]


def test_runs_of_one_name_are_numbered():
    runs = [Run(name, SOURCES, 1.0, 1.0, ()) for name in ("a", "b", "a")]
    assert [run.name for run in with_distinct_names(runs)] == ["a 1", "b", "a 2"]


def test_json_is_strict_and_says_what_it_is(tmp_path):
    save_runs([RUN], tmp_path / "scores.json")

    def refuse(constant):
        raise AssertionError(constant)

    facts = json.loads((tmp_path / "scores.json").read_text(), parse_constant=refuse)
    assert (facts["format"], facts["version"]) == ("partita-scores", 1)
    first = facts["runs"][0]
    assert first["songs"][0]["frames"]["sdr"]["drums"][2] is None
    assert first["songs"][0]["frames"]["sir"]["vocals"][0] == "inf"
    assert first["songs"][0]["whole"]["si_sdr"] == {"drums": "-inf", "vocals": 2.0}
    expected = np.median([np.nanmedian(song.frames["sdr"][0]) for song in RUN.songs])
    assert first["summary"]["sdr"]["drums"] == pytest.approx(expected, abs=1e-6)


def museval(path, seed, frames=3):
    rng = np.random.default_rng(seed)
    scores = rng.normal(4, 2, (2, 4, frames))
    targets = [
        {
            "name": source,
            "frames": [
                {
                    "time": float(frame),
                    "duration": 1.0,
                    "metrics": dict(zip(("SDR", "SIR", "ISR", "SAR"), scores[index, :, frame].tolist(), strict=True)),
                }
                for frame in range(frames)
            ],
        }
        for index, source in enumerate(SOURCES)
    ]
    targets[0]["frames"][1]["metrics"]["SDR"] = math.nan  # museval writes NaN, which is not JSON
    text = json.dumps({"targets": targets}).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return scores


def test_musevals_files_are_a_run(tmp_path):
    folder = tmp_path / "their-model"
    folder.mkdir()
    first, second = museval(folder / "A - B.json", 1), museval(folder / "C.json.gz", 2)
    (run,) = load_runs(folder)
    assert (run.name, run.sources, run.window, run.hop) == ("their-model", SOURCES, 1.0, 1.0)
    assert [song.name for song in run.songs] == ["A - B", "C"]
    first[0, 0, 1] = math.nan
    for song, scores in zip(run.songs, (first, second), strict=True):
        for index, metric in enumerate(("sdr", "sir", "isr", "sar")):
            if song.name == "A - B" or metric != "sdr":
                np.testing.assert_array_equal(song.frames[metric], scores[:, index])
    assert run.songs[0].seconds == 3.0
    assert np.isnan(run.whole()).all()
    (alone,) = load_runs(folder / "A - B.json")
    np.testing.assert_array_equal(alone.medians(), run.medians()[:1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "holds no scores of partita or museval"),
        ('{"format": "partita-scores", "version": 99}', "format version 99; this partita reads version 1"),
        ('{"format": "partita-scores", "version": 1}', "incomplete scores: KeyError"),
        ('{"format": "partita-scores", "version": 1, "runs": [3]}', "incomplete scores"),
        ('{"targets": [{"name": "drums", "frames": []}]}', "incomplete scores of museval"),
        ('{"targets": []}', "incomplete scores of museval"),
    ],
)
def test_bad_scores_are_named(tmp_path, text, message):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(ConfigError, match=f"scores.json: .*{message}"):
        load_runs(tmp_path / "scores.json")


def test_nothing_there(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_runs(tmp_path / "scores.json")
    with pytest.raises(ConfigError, match="no scores in it"):
        load_runs(tmp_path)


def test_a_failed_write_keeps_the_old_scores(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(OutputError, match="cannot be written"):
        save_runs([RUN], tmp_path / "file" / "scores.json")
    assert (tmp_path / "file").read_text() == "old"
