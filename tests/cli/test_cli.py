from __future__ import annotations

import json
import subprocess
import sys

import partita


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "partita", *arguments], capture_output=True, text=True, check=True
    ).stdout


def test_version():
    assert run("--version") == f"partita {partita.__version__}\n"


def test_help_names_the_commands():
    text = run("--help")
    for command in ("separate", "models", "doctor", "train"):
        assert command in text


def test_doctor_says_where_models_run():
    text = run("doctor")
    assert "onnx backend (default): runs on" in text
    assert "torch backend: runs on" in text
    assert "default (" in text


def test_models_lists_the_embedded_one():
    facts = json.loads(run("models", "--json"))
    (default,) = [model for model in facts if model["name"] == "default"]
    assert default["sources"] == ["drums", "bass", "other", "vocals"]
    assert default["bytes"] <= 40e6
    assert default["licence"] in run("models")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from partita.cli import app;"
        "heavy = {'numpy', 'torch', 'onnxruntime', 'av', 'soundfile', 'pydantic'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_is_instant_and_rooms_come_when_used():
    code = (
        "import sys, partita;"
        "assert not {'numpy', 'partita.separation'} & set(sys.modules);"
        "assert partita.models.build and partita.evaluation.sdr and partita.AudioError"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
