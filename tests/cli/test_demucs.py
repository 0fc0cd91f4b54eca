from __future__ import annotations

import pytest


def test_a_song_is_written_in_the_layout_of_demucs(command_line, convolutional, song, tmp_path):
    code, out, _ = command_line("demucs", "--two-stems=vocals", "--mp3", "-n", convolutional.folder, "-o", "out", song)
    assert code == 0
    assert "Separating track" in out
    written = {path.name for path in (tmp_path / "out/convolutional/song").iterdir()}
    assert written == {"vocals.mp3", "no_vocals.mp3"}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--help"], 0, "usage: partita demucs"),
        (["-h"], 0, "--other-method"),
        ([], 2, "the following arguments are required: tracks"),
        (["--nonsense", "song.wav"], 2, "unrecognized arguments: --nonsense"),
        (["-n", "nothing", "song.wav"], 1, "no model 'nothing'"),
    ],
)
def test_help_and_wrong_usage(command_line, arguments, code, text):
    found, out, err = command_line("demucs", *arguments)
    assert found == code
    assert text in out + err


def test_tracks_that_fail(command_line, convolutional, song):
    code, _, err = command_line("demucs", "-n", convolutional.folder, song, "missing.wav")
    assert code == 1
    assert "missing.wav" in err


def test_torch_is_not_needed(command_line_without, convolutional, song):
    code, err = command_line_without("torch", "demucs", "-n", convolutional.folder, song)
    assert (code, err) == (0, "")
