"""Fixtures shared by all rooms: small packages and a song."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from partita.models import build
from partita.zoo import Package
from partita.zoo.export import export_package

SMALL = {"channels": 4, "depth": 3}


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let Ctrl-C end the tests and what they start, though a shell lets its background jobs ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_models_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep tests from reading and writing the models of whoever runs them."""
    os.environ["PARTITA_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def convolutional(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A small untrained Demucs without LSTM: its output depends on neighbouring samples alone."""
    return _package(tmp_path_factory.mktemp("zoo") / "convolutional", lstm_layers=0)


@pytest.fixture(scope="session")
def consistent(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A small untrained Demucs whose stems add up to the mixture."""
    return _package(tmp_path_factory.mktemp("zoo") / "consistent", lstm_layers=0, consistent=True)


@pytest.fixture(scope="session")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A small untrained Demucs with LSTM."""
    return _package(tmp_path_factory.mktemp("zoo") / "recurrent")


def _package(folder: Path, **configuration: object) -> Package:
    torch.manual_seed(1)
    model = build("demucs", **SMALL, **configuration)
    return export_package(model, folder, name=folder.name, description="untrained", licence="CC0-1.0", segment=1.0)


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """Three seconds of stereo noise, float32 ``(2, 132300)``."""
    rng = np.random.default_rng(0)
    return (0.2 * rng.standard_normal((2, 132300))).astype(np.float32)


@pytest.fixture
def song(tmp_path: Path, noise: np.ndarray) -> Path:
    """The noise as a 44.1 kHz float wav file."""
    path = tmp_path / "song.wav"
    soundfile.write(path, noise.T, 44100, subtype="FLOAT")
    return path
