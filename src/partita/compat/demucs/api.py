"""The Separator, as ``demucs.api``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from partita.compat.demucs.apply import Callback, apply_model
from partita.compat.demucs.audio import convert_audio, save_audio
from partita.compat.demucs.models import BagOfModels, Model
from partita.compat.demucs.pretrained import ModelLoadingError, get_model
from partita.compat.demucs.repo import LocalRepo, signatures
from partita.compat.demucs.torch_extra import torch
from partita.compat.demucs.tracks import read_track
from partita.errors import AudioError, ConfigError
from partita.zoo.home import models_folder
from partita.zoo.published import published_models
from partita.zoo.registry import installed_names

__all__ = ["LoadAudioError", "LoadModelError", "Separator", "list_models", "save_audio"]

LoadModelError = ModelLoadingError


class LoadAudioError(AudioError):
    """An audio file cannot be read."""


_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class _NotProvided:
    """The value of a parameter that is not changed."""


NotProvided = _NotProvided()


class Separator:
    """A model that separates tracks.

    Args:
        model: As of :func:`partita.compat.demucs.pretrained.get_model`.
        repo: As there.
        device: ``cpu``, ``cuda``, ...; ``cuda`` by default if torch can use it.
        shifts: As of :func:`partita.compat.demucs.apply.apply_model`, like the next three.
        overlap: See there.
        split: See there.
        segment: See there.
        jobs: Has no effect: all cores are used.
        progress: Show a progress bar on standard error.
        callback: See there; the dictionary also has ``audio_length``, in samples.
        callback_arg: See there.

    Raises:
        LoadModelError: There is no such model, or it cannot be downloaded or read.
    """

    _device: str | torch.device
    _shifts: int
    _overlap: float
    _split: bool
    _segment: float | None
    _progress: bool
    _callback: Callback | None
    _callback_arg: dict[str, Any] | None

    def __init__(
        self,
        model: str = "htdemucs",
        repo: str | Path | None = None,
        device: str | torch.device = _DEVICE,
        shifts: int = 1,
        overlap: float = 0.25,
        split: bool = True,
        segment: float | None = None,
        jobs: int = 0,
        progress: bool = False,
        callback: Callback | None = None,
        callback_arg: dict[str, Any] | None = None,
    ) -> None:
        self._name = model
        self._repo = repo
        self._load_model()
        self.update_parameter(
            device=device,
            shifts=shifts,
            overlap=overlap,
            split=split,
            segment=segment,
            jobs=jobs,
            progress=progress,
            callback=callback,
            callback_arg=callback_arg,
        )

    def update_parameter(
        self,
        device: str | torch.device | _NotProvided = NotProvided,
        shifts: int | _NotProvided = NotProvided,
        overlap: float | _NotProvided = NotProvided,
        split: bool | _NotProvided = NotProvided,
        segment: float | _NotProvided | None = NotProvided,
        jobs: int | _NotProvided = NotProvided,
        progress: bool | _NotProvided = NotProvided,
        callback: Callback | _NotProvided | None = NotProvided,
        callback_arg: dict[str, Any] | _NotProvided | None = NotProvided,
    ) -> None:
        """Change parameters; see the constructor."""
        given = {name: value for name, value in locals().items() if name != "self"}
        for name, value in given.items():
            if not isinstance(value, _NotProvided):
                setattr(self, f"_{name}", value)

    def separate_tensor(self, wav: torch.Tensor, sr: int | None = None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Separate samples.

        Args:
            wav: Float ``(channels, samples)``.
            sr: Its sample rate in Hz; the model's by default.

        Returns:
            The mixture at the sample rate and with the channels of the model, and the stems by name, each float32
            ``(channels, samples)``.

        Raises:
            ConfigError: The shape or a parameter is invalid.
        """
        if wav.dim() != 2:
            raise ConfigError(f"wav: must be (channels, samples), not {tuple(wav.shape)}")
        wav = convert_audio(wav, sr or self._samplerate, self._samplerate, self._audio_channels)
        stems = apply_model(
            self._model,
            wav[None],
            segment=self._segment,
            shifts=self._shifts,
            split=self._split,
            overlap=self._overlap,
            device=self._device,
            callback=self._callback,
            callback_arg={**(self._callback_arg or {}), "audio_length": wav.shape[1]},
            progress=self._progress,
        )
        return wav, dict(zip(self._model.sources, stems[0], strict=True))

    def separate_audio_file(self, file: str | Path) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Separate a file; returns what :meth:`separate_tensor` does.

        Raises:
            LoadAudioError: The file cannot be read.
            ConfigError: A parameter is invalid.
        """
        return self.separate_tensor(self._load_audio(file), self._samplerate)

    @property
    def samplerate(self) -> int:
        """Sample rate of the model in Hz."""
        return self._samplerate

    @property
    def audio_channels(self) -> int:
        """Number of channels of the model."""
        return self._audio_channels

    @property
    def model(self) -> BagOfModels | Model:
        """The model."""
        return self._model

    def _load_model(self) -> None:
        """Load the model; subclasses in scripts set the same three attributes themselves."""
        self._model = get_model(self._name, self._repo)
        self._audio_channels = self._model.audio_channels
        self._samplerate = self._model.samplerate

    def _load_audio(self, track: str | Path) -> torch.Tensor:
        try:
            samples = read_track(track, sample_rate=self._samplerate, channels=self._audio_channels)
        except AudioError as error:
            raise LoadAudioError(str(error)) from error
        return torch.from_numpy(samples)


def list_models(repo: str | Path | None = None) -> dict[str, dict[str, str | Path]]:
    """List models.

    Args:
        repo: A folder of checkpoints; by default what is published and what is installed.

    Returns:
        ``single`` has models by signature and ``bag`` models and bags by name; the values are URLs, files or folders.

    Raises:
        ModelError: ``repo`` is not a folder.
    """
    if repo is not None:
        local = LocalRepo(repo)
        return {"single": dict(local.models), "bag": dict(local.bags)}
    published = {name: " ".join(file.url for file in model.all_files) for name, model in published_models().items()}
    return {
        "single": dict(signatures()),
        "bag": {**published, **{name: models_folder() / name for name in installed_names()}},
    }
