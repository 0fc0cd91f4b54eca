from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import soundfile

from partita.cli.batch import Batch
from partita.errors import ConfigError
from partita.separation import OutputOptions, Separator, UnfinishedJob


@pytest.fixture(scope="module")
def separator(convolutional):
    return Separator(convolutional)


@pytest.fixture
def songs(tmp_path, noise):
    paths = [tmp_path / f"{name}.wav" for name in ("a", "b", "c")]
    for path in paths:
        soundfile.write(path, noise[:, :8820].T, 44100)
    return paths


def test_failures_are_counted_and_the_rest_is_done(separator, songs, tmp_path, capsys):
    songs[1].write_bytes(b"no audio")
    assert Batch(separator, OutputOptions()).run([*songs, tmp_path / "missing.mp3"], tmp_path / "out") == 2
    *lines, summary = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", str(songs[0]), "error", str(songs[2])]
    assert summary == "2 of 4 songs separated, 2 failed"
    assert {path.parent.name for path in (tmp_path / "out").rglob("*.wav")} == {"a", "c"}


def test_json_has_a_line_for_every_song(separator, songs, tmp_path, capsys):
    Batch(separator, OutputOptions(stems=("drums",))).run(songs[:1], tmp_path / "out")
    capsys.readouterr()
    options = OutputOptions(stems=("drums",), overwrite=True)
    Batch(separator, options, skip_existing=True, as_json=True).run([*songs, tmp_path / "missing"], tmp_path / "out")
    facts = {Path(fact["input"]).name: fact for fact in map(json.loads, capsys.readouterr().out.splitlines())}
    states = {"a.wav": "skipped", "b.wav": "done", "c.wav": "done", "missing": "failed"}
    assert {name: fact["state"] for name, fact in facts.items()} == states
    assert facts["b.wav"]["seconds"] == 0.2
    assert facts["b.wav"]["gain_db"] == 0
    assert Path(facts["b.wav"]["outputs"]["drums"]).is_file()


def test_standard_output_takes_one_stem(separator, songs):
    with pytest.raises(ConfigError, match="one stem of one input"):
        Batch(separator, OutputOptions()).run_to_stdout(songs[:1])
    with pytest.raises(ConfigError, match="one stem of one input"):
        Batch(separator, OutputOptions(stems=("drums",))).run_to_stdout(songs)


def test_failures_are_reported_in_the_order_of_the_songs(separator, songs, tmp_path, capsys):
    songs[0].write_bytes(b"no audio")
    (tmp_path / "out" / "convolutional" / "c" / "drums.wav").mkdir(parents=True)  # in the way of the last song
    assert Batch(separator, OutputOptions(overwrite=True), as_json=True).run(songs, tmp_path / "out") == 2
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(Path(fact["input"]).stem, fact["state"]) for fact in facts] == [
        ("a", "failed"),
        ("b", "done"),
        ("c", "failed"),
    ]


def test_the_next_song_is_read_while_one_is_separated(separator, songs, tmp_path):
    measured = {song.name: threading.Event() for song in songs}
    waited = []

    class Watched(Batch):
        def _open(self, job):
            mixture = super()._open(job)
            measure = mixture.measure

            def measure_and_tell(stop):
                measure(stop)
                measured[job.source.name].set()

            mixture.measure = measure_and_tell
            return mixture

        def _separate(self, job, mixture, place):
            index = songs.index(job.source)
            if index + 1 < len(songs):
                waited.append(measured[songs[index + 1].name].wait(60))
            return super()._separate(job, mixture, place)

    assert Watched(separator, OutputOptions(), quiet=True).run(songs, tmp_path / "out") == 0
    assert waited == [True, True]


def test_an_interruption_leaves_whole_songs_only(separator, songs, tmp_path, capsys):
    class Interrupted(Batch):
        def _separate(self, job, mixture, place):
            if job.source == songs[2]:
                raise KeyboardInterrupt
            return super()._separate(job, mixture, place)

    with pytest.raises(KeyboardInterrupt):
        Interrupted(separator, OutputOptions()).run(songs, tmp_path / "out")
    *_, last = capsys.readouterr().err.splitlines()
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    complete = {path.parent.name for path in written}  # the second song may have been finished in time
    assert complete in ({"a"}, {"a", "b"})
    assert len(written) == 4 * len(complete)
    first = songs[len(complete)]
    assert last == f"error: stopped; nothing was written for {first}, the songs before it are complete"


def test_a_warning_of_the_options_is_printed_once(songs, tmp_path, capsys):
    separator = Separator(segment=20.0)
    assert Batch(separator, OutputOptions()).run(songs[:2], tmp_path / "out") == 0
    assert capsys.readouterr().err.count("warning: segment: 20 s is outside the lengths") == 1


def test_a_single_stem_is_written_to_standard_output(separator, songs, tmp_path, capsysbinary):
    options = OutputOptions(stems=("drums",))
    assert Batch(separator, options, quiet=True).run_to_stdout(songs[:1]) == 0
    written = capsysbinary.readouterr().out
    (expected,) = separator.separate_file(songs[0], tmp_path / "out", stems=("drums",)).values()
    assert written == expected.read_bytes()


@pytest.mark.parametrize("stems", [None, ("drums", "bass")])
def test_standard_output_takes_a_single_stem(separator, songs, stems):
    with pytest.raises(ConfigError, match="one stem of one input"):
        Batch(separator, OutputOptions(stems=stems)).run_to_stdout(songs[:1])


PROBLEMS = [MemoryError(), StopIteration(), RuntimeError("bad\nluck"), OSError(5, "I/O error")]


@pytest.mark.parametrize("where", ["open", "begin", "finish"])
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
def test_an_unexpected_error_is_that_of_its_song(songs, tmp_path, capsys, monkeypatch, convolutional, where, problem):
    separator = Separator(convolutional)
    owner = UnfinishedJob if where == "finish" else separator
    work = getattr(owner, where)
    calls = []

    def fail_the_second_time(*arguments, **keywords):
        calls.append(where)
        if len(calls) == 2:
            if where == "finish":
                arguments[0]._files._stack.close()
            raise problem
        return work(*arguments, **keywords)

    monkeypatch.setattr(owner, where, fail_the_second_time)
    assert Batch(separator, OutputOptions(), as_json=True).run(songs, tmp_path / "out") == 1
    printed = capsys.readouterr()
    states = [json.loads(line)["state"] for line in printed.out.splitlines()]
    assert states == ["done", "failed", "done"]
    (line,) = printed.err.splitlines()
    assert line.startswith(f"error: {songs[1]}: ")
    assert ("not enough memory" if isinstance(problem, MemoryError) else "PARTITA_DEBUG=1") in line


def test_the_traceback_of_an_unexpected_error(songs, tmp_path, capsys, monkeypatch, convolutional):
    separator = Separator(convolutional)
    monkeypatch.setenv("PARTITA_DEBUG", "1")
    monkeypatch.setattr(separator, "begin", lambda *_, **__: 1 / 0)
    assert Batch(separator, OutputOptions()).run(songs[:1], tmp_path / "out") == 1
    assert "Traceback" in capsys.readouterr().err
