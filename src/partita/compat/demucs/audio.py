"""Audio files and tensors, as ``demucs.audio``; the programs of FFmpeg are not needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from partita.audio import AudioReader
from partita.compat.demucs import tracks
from partita.compat.demucs.torch_extra import torch
from partita.compat.demucs.tracks import Clip, read_track, resampled, write_track
from partita.errors import AudioError, ConfigError

__all__ = ["AudioFile", "convert_audio", "convert_audio_channels", "prevent_clip", "save_audio"]


class AudioFile:
    """An audio or video file.

    Args:
        path: The file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __len__(self) -> int:
        """Return the number of audio streams."""
        return AudioReader(self.path).streams

    @property
    def duration(self) -> float:
        """Length in seconds."""
        reader = AudioReader(self.path)
        frames = reader.frames_declared
        return (sum(block.shape[1] for block in reader.blocks()) if frames is None else frames) / reader.sample_rate

    def channels(self, stream: int = 0) -> int:
        """Return the number of channels of a stream."""
        return AudioReader(self.path, None, self._checked(stream)).native_channels

    def samplerate(self, stream: int = 0) -> int:
        """Return the sample rate of a stream in Hz."""
        return AudioReader(self.path, None, self._checked(stream)).sample_rate

    def read(
        self,
        seek_time: float | None = None,
        duration: float | None = None,
        streams: slice | int | Sequence[int] = slice(None),
        samplerate: int | None = None,
        channels: int | None = None,
    ) -> torch.Tensor:
        """Decode streams.

        Args:
            seek_time: Seconds to skip at the beginning.
            duration: Seconds to read; the rest by default.
            streams: Index of a stream, or several; by default all.
            samplerate: Hz; by default that of the file.
            channels: Number of channels; by default those of the file. More than two are mixed, not left out.

        Returns:
            Float32 ``(channels, samples)`` for a single index, otherwise ``(streams, channels, samples)``.

        Raises:
            AudioError: The file cannot be read, or its streams differ in length or channels.
            ConfigError: The times or the channels are invalid.
        """
        indices = range(len(self))[streams] if isinstance(streams, slice) else streams
        found = [
            read_track(
                self.path,
                stream=self._checked(index),
                seek_time=seek_time,
                duration=duration,
                sample_rate=samplerate,
                channels=channels,
            )
            for index in ([indices] if isinstance(indices, int) else indices)
        ]
        if isinstance(indices, int):
            return torch.from_numpy(found[0])
        if len({part.shape for part in found}) != 1:
            raise AudioError(f"{self.path}: its streams differ in length or channels; read them one by one")
        return torch.from_numpy(np.stack(found))

    def _checked(self, stream: int) -> int | None:
        """Return the index of a stream, None for the only one of a file."""
        return None if stream == 0 and len(self) == 1 else stream


def convert_audio_channels(wav: torch.Tensor, channels: int = 2) -> torch.Tensor:
    """Change the number of channels: all are averaged to mono, mono is repeated, of more the first ones are kept.

    Args:
        wav: ``(..., channels, samples)``.
        channels: Number of channels.

    Raises:
        ConfigError: There are fewer channels than that, and more than one.
    """
    native = wav.shape[-2]
    if channels == 1:
        return wav.mean(dim=-2, keepdim=True)
    if native == 1:
        return wav.expand(*wav.shape[:-2], channels, wav.shape[-1])
    if native < channels:
        raise ConfigError(f"channels: {native} channels cannot become {channels}")
    return wav[..., :channels, :]


def convert_audio(wav: torch.Tensor, from_samplerate: int, to_samplerate: int, channels: int) -> torch.Tensor:
    """Change the sample rate and the number of channels.

    Args:
        wav: ``(..., channels, samples)``.
        from_samplerate: Hz.
        to_samplerate: Hz.
        channels: As of :func:`convert_audio_channels`.

    Returns:
        ``(..., channels, samples)`` on the same device.
    """
    wav = convert_audio_channels(wav, channels)
    if from_samplerate == to_samplerate:
        return wav
    lanes = wav.detach().cpu().float().reshape(-1, wav.shape[-1]).numpy()
    found = torch.from_numpy(resampled(lanes, from_samplerate, to_samplerate))
    return found.reshape(*wav.shape[:-1], -1).to(wav.device, wav.dtype)


def prevent_clip(wav: torch.Tensor, mode: Clip | None = "rescale") -> torch.Tensor:
    """Bring samples within full scale; the modes are those of :func:`partita.compat.demucs.tracks.prevent_clip`.

    Raises:
        ConfigError: There is no such mode.
    """
    return torch.from_numpy(tracks.prevent_clip(wav.detach().cpu().float().numpy(), mode)).to(wav.device)


def save_audio(
    wav: torch.Tensor,
    path: str | Path,
    samplerate: int,
    bitrate: int = 320,
    clip: Clip | None = "rescale",
    bits_per_sample: Literal[16, 24, 32] = 16,
    as_float: bool = False,
    preset: Literal[2, 3, 4, 5, 6, 7] = 2,  # noqa: ARG001 - of demucs
) -> None:
    """Write an audio file. It appears under its name when it is complete; its folder is created if needed.

    Args:
        wav: Float ``(channels, samples)``.
        path: Its suffix is the format: wav, mp3 or flac, and also ogg or opus.
        samplerate: Hz.
        bitrate: Of mp3 and opus, in kbit/s.
        clip: See :func:`prevent_clip`.
        bits_per_sample: 16 or 24 for wav and flac, with dither; 32 is float, and 24 for flac.
        as_float: Write 32-bit floats, and 24 bits for flac.
        preset: Has no effect: mp3 always has the best quality of its bit rate.

    Raises:
        ConfigError: An option is invalid.
        OutputError: The file cannot be written.
    """
    if wav.dim() != 2:
        raise ConfigError(f"wav: must be (channels, samples), not {tuple(wav.shape)}")
    samples = wav.detach().cpu().float().numpy()
    bits = "32f" if as_float or bits_per_sample == 32 else str(bits_per_sample)
    write_track(samples, path, samplerate, bits=bits, bitrate=bitrate, clip=clip)
