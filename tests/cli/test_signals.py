"""Signals at random moments while every format is written: nothing incomplete, and nothing left behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from partita.options import Format

FORMATS = Format.__args__
ROUNDS = int(os.environ.get("PARTITA_SIGNALS", "2"))  # of each format
SECONDS = 40  # of music; encoding it takes longer than separating it with the small model


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    path = tmp_path_factory.mktemp("music") / "song.flac"
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (SECONDS * 44100, 2))
    soundfile.write(path, noise, 44100, subtype="PCM_16")
    return path


def start(arguments, folder):
    return subprocess.Popen(
        [sys.executable, "-m", "partita", "separate", *map(str, arguments)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_until_it_writes(process, folder):
    deadline = time.monotonic() + 60
    while not list(folder.rglob(".partita-*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def left(folder):
    return {path.name for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


@pytest.mark.parametrize("format", FORMATS)
def test_signals_while_a_format_is_written(format, music, convolutional, tmp_path):
    chance = random.Random(f"signals {format}")
    complete = {f"{stem}.{format}" for stem in convolutional.card.sources}
    for number in range(ROUNDS):
        out = tmp_path / str(number)
        out.mkdir()
        process = start([music, "-m", convolutional.folder, "--format", format, "-o", out, "--threads", 1], tmp_path)
        try:
            wait_until_it_writes(process, out)
            time.sleep(chance.uniform(0, 4))
            for kind in chance.choices([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], k=chance.randint(1, 3)):
                process.send_signal(kind)
                time.sleep(chance.uniform(0, 0.2))
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait(60)
        found = left(out)
        assert found in (set(), complete), (number, found)
        assert not list(out.rglob(".partita-*"))
        assert "Traceback" not in err
        if process.returncode != 130:  # it was done before, and was killed while it ended at worst
            assert found == complete, err


@pytest.mark.parametrize("format", ["wav", "opus"])
def test_kills_while_a_format_is_written(format, music, convolutional, tmp_path):
    chance = random.Random(f"kills {format}")
    arguments = [music, "-m", convolutional.folder, "--format", format, "-o", tmp_path, "--threads", 1]
    complete = {f"{stem}.{format}" for stem in convolutional.card.sources}
    for _ in range(ROUNDS):
        process = start([*arguments, "--overwrite"], tmp_path)
        try:
            wait_until_it_writes(process, tmp_path)
            time.sleep(chance.uniform(0, 3))
        finally:
            process.kill()
            process.wait(60)
            process.communicate(timeout=60)
        assert {path.name for path in tmp_path.rglob("song/*") if path.is_file()} in (set(), complete)
    process = start([*arguments, "--overwrite", "--duration", "0.1"], tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert left(tmp_path) == complete
    assert not list(tmp_path.rglob(".partita-*"))
