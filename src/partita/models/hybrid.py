"""Hybrid separation: a U-Net over the spectrogram and one over the waveform whose outputs are added.

Hybrid Spectrogram and Waveform Source Separation (Defossez, 2021), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models.base import WaveformModel
from partita.models.configurations.hybrid import HybridConfig
from partita.models.configurations.residual_unet import Level
from partita.models.initialisation import rescale_weights
from partita.models.residual_branch import mean_over
from partita.models.residual_unet import DecoderLayer, EncoderLayer
from partita.models.stft import Spectrum, Stft

__all__ = ["HybridConfig", "HybridModel"]

_EPSILON = 1e-5  # added to deviations


class HybridModel(WaveformModel):
    """The branches of a hybrid model; a subclass may process what is between encoders and decoders.

    The model normalises, attends and pads over the whole input, so any input of at least ``shortest`` samples is
    valid, all outputs depend on the whole input, and none of them are edges.
    """

    def __init__(self, config: HybridConfig) -> None:
        super().__init__(config)
        self.config = config
        self.spectrogram = _Spectrogram(config)
        stems, channels = len(config.sources) * config.audio_channels, config.audio_channels
        parts = 2 if config.complex_spectrogram else 1
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        self.tencoder, self.tdecoder = nn.ModuleList(), nn.ModuleList()
        outer, outer_out = channels, stems
        rows = config.n_fft // 2
        for index, (level, waveform) in enumerate(config.levels()):
            joins = waveform is not None and level.padding == (0, 0)
            factor = 1 if index else parts
            banded = bool(config.bands) and index < config.banded_layers
            encode: nn.Module
            decode: nn.Module
            if banded:
                encode = _BandedEncoder(config, level, factor * outer, rows)
                decode = _BandedDecoder(config, level, factor * outer_out, rows)
            else:
                encode = EncoderLayer(config, level, factor * outer)
                decode = DecoderLayer(config, level, factor * outer_out, over_rows=waveform is not None)
            self.encoder.append(encode)
            self.decoder.insert(0, decode)
            if waveform is not None:
                self.tencoder.append(EncoderLayer(config, waveform, outer, bare=joins))
                self.tdecoder.insert(0, DecoderLayer(config, waveform, outer_out, bare=joins))
            rows = 1 if joins else rows // level.stride[0]
            outer = outer_out = level.inner
            if index == 0:
                self.freq_emb = _smooth_embedding(rows, outer, config.embedding_scale)
        if config.rescale:
            rescale_weights(self, config.rescale)

    def innermost(self, spectrogram: Tensor, waveform: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return what is added to the innermost skip connections of both branches; by default nothing.

        Args:
            spectrogram: ``(batch, channels, rows, frames)``.
            waveform: ``(batch, channels, 1, steps)``.
        """
        return None, None

    def core(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length (see :meth:`WaveformModel.core`)."""
        samples = mixture.shape[-1]
        spectrum = self.spectrogram(mixture)
        x, *statistics = _normalise(self._seen(spectrum))
        wave, *wave_statistics = _normalise(mixture[:, :, None])

        skips, lengths, wave_skips, wave_lengths = [], [], [], []
        for index, encode in enumerate(self.encoder):
            lengths.append(x.shape[-1])
            joined = None
            if index < len(self.tencoder):
                wave_lengths.append(wave.shape[-1])
                wave = self.tencoder[index](wave)
                wave_skips.append(wave)
                joined = wave if self.tencoder[index].bare else None
            x = encode(x, joined)
            if index == 0:
                factor = self.config.frequency_embedding * self.config.embedding_scale
                x = x + factor * self.freq_emb.weight.t()[:, :, None]
            skips.append(x)

        below, wave_below = self.innermost(x, wave)
        for index, decode in enumerate(self.decoder, -len(self.decoder)):
            skip = skips.pop()
            below, inner = decode(skip if below is None else below + skip, lengths.pop())
            if index >= -len(self.tdecoder):
                decode_wave, skip = self.tdecoder[index], wave_skips.pop()
                if decode_wave.bare:
                    wave_below = inner
                elif wave_below is None:
                    wave_below = skip
                else:
                    wave_below = wave_below + skip
                wave_below, _ = decode_wave(wave_below, wave_lengths.pop())

        sources, channels = len(self.sources), self.audio_channels
        assert below is not None
        assert wave_below is not None
        stems = (wave_below * wave_statistics[1] + wave_statistics[0]).reshape(-1, sources, channels, samples)
        read = self._reader(spectrum)
        estimates = (part * statistics[1] + statistics[0] for part in below.chunk(sources, 1))
        # one source after the other: the spectra of all of them would take gigabytes
        return stems + torch.stack([self.spectrogram.inverse(read(part), samples) for part in estimates], 1)

    def _seen(self, spectrum: Spectrum) -> Tensor:
        """Return what the spectrogram branch reads, ``(batch, channels, rows, frames)``."""
        if self.config.complex_spectrogram:
            return torch.stack([spectrum.real, spectrum.imag], 2).flatten(1, 2)
        return spectrum.magnitude()

    def _reader(self, mixture: Spectrum) -> Callable[[Tensor], Spectrum]:
        """Return what turns an estimate of the spectrogram branch into the spectrum of a source.

        All are ``(batch, ..., rows, frames)``; the estimate has two channels for each one of a complex spectrum.
        """
        if self.config.complex_spectrogram:
            return lambda estimate: Spectrum(estimate[:, ::2], estimate[:, 1::2])
        magnitude = mixture.magnitude() + 1e-8
        phases = mixture.map(lambda part: part / magnitude)
        return lambda estimate: phases * estimate


class _Spectrogram(nn.Module):
    """The scaled STFT without its highest bin: ``rows = n_fft / 2`` and a frame for each (begun) hop of the signal."""

    def __init__(self, config: HybridConfig) -> None:
        super().__init__()
        self.stft = Stft(config.n_fft, config.n_fft // 4)
        self.legacy_padding = config.legacy_padding

    def forward(self, mixture: Tensor) -> Spectrum:
        """Transform ``(batch, channels, samples)`` to ``(batch, channels, rows, frames)``."""
        side = 3 * self.stft.hop // 2
        missing = -mixture.shape[-1] % self.stft.hop
        mode = "constant" if self.legacy_padding else "reflect"
        spectrum = self.stft(F.pad(mixture, (side, side + missing), mode=mode))
        scale = 1 / math.sqrt(self.stft.n_fft)
        scaled: Spectrum = spectrum.map(lambda part: part[..., :-1].transpose(-1, -2) * scale)
        return scaled

    def inverse(self, spectrum: Spectrum, samples: int) -> Tensor:
        """Return the signal ``(..., channels, samples)`` of a spectrum ``(..., channels, rows, frames)``."""
        hop, scale = self.stft.hop, math.sqrt(self.stft.n_fft)
        ahead = 3 if self.legacy_padding else 2  # frames of silence before the first; two follow the last
        padded = spectrum.map(lambda part: F.pad(part.transpose(-1, -2), (0, 1, ahead, 2)) * scale)
        signal = self.stft.inverse(padded)
        if not self.legacy_padding:
            return signal[..., hop // 2 : hop // 2 + samples]
        # the published transform had no frame before the first two of silence, and made up for its window
        position = torch.arange(3 * hop, 4 * hop, device=signal.device)
        absent = (0.5 - 0.5 * self.stft.cosine[position]).square()
        first = signal[..., :hop] * (1.5 / (1.5 - absent))
        return torch.cat([first, signal[..., hop:]], -1)[..., :samples]


class _BandedEncoder(nn.Module):
    """An encoder layer with weights of its own for each frequency band, and the output of a single layer's shape."""

    def __init__(self, config: HybridConfig, level: Level, outer: int, rows: int) -> None:
        super().__init__()
        kernel, stride, padding = level.kernel[0], level.stride[0], level.padding[0]
        inner = Level(level.index, level.inner, level.kernel, level.stride, (0, 0))
        self.padding = padding
        self.ranges: list[tuple[int, int]] = []  # of input rows, where 0 is the first row of the padding
        start = 0
        for end in config.bands:
            last = round(rows * end) + padding
            count = round((last - start - kernel) / stride + 1)
            if count < 1:
                raise ConfigError(f"bands: {end} ends a band of less than {kernel} rows in layer {level.index}")
            self.ranges.append((start, start + (count - 1) * stride + kernel))
            start += count * stride
        self.ranges.append((start, rows + 2 * padding))
        self.layers = nn.ModuleList(EncoderLayer(config, inner, outer) for _ in self.ranges)

    def forward(self, x: Tensor, joined: Tensor | None = None) -> Tensor:
        """See :class:`EncoderLayer`."""
        x = F.pad(x, (0, 0, self.padding, self.padding))
        return torch.cat(
            [layer(x[:, :, start:end]) for layer, (start, end) in zip(self.layers, self.ranges, strict=True)], 2
        )


class _BandedDecoder(nn.Module):
    """A decoder layer with weights of its own for each frequency band; where its outputs overlap they are added."""

    def __init__(self, config: HybridConfig, level: Level, outer: int, rows: int) -> None:
        super().__init__()
        self.level = level
        ends = [round(rows // level.stride[0] * end) for end in config.bands] + [rows // level.stride[0]]
        self.ranges = list(zip([0, *ends], ends, strict=False))
        self.layers = nn.ModuleList(DecoderLayer(config, level, outer) for _ in self.ranges)

    def forward(self, x: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """See :class:`DecoderLayer`."""
        stride, padding = self.level.stride[0], self.level.padding[0]
        parts: list[Tensor] = []
        for module, (start, end) in zip(self.layers, self.ranges, strict=True):
            layer = cast(DecoderLayer, module)
            y, _ = layer.linear(x[:, :, start:end])
            if parts:  # the bias of only one of the bands counts
                shared = parts[-1][:, :, -stride:] + y[:, :, :stride] - cast(Tensor, layer.conv_tr.bias)[:, None, None]
                parts[-1] = parts[-1][:, :, :-stride]
                parts += [shared, y[:, :, stride:]]
            else:
                parts.append(y)
        y = torch.cat(parts, 2)[:, :, padding:-padding]
        return (F.gelu(y) if self.level.index else y), x


def _normalise(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the input with mean 0 and deviation 1 in each item of the batch, and the mean and deviation it had."""
    mean = mean_over(x, 3, 2, 1)
    centred = x - mean
    count = x.shape[1] * x.shape[2] * x.shape[3]
    deviation = (mean_over(centred.square(), 3, 2, 1) * (count / (count - 1))).sqrt()
    return centred / (_EPSILON + deviation), mean, deviation


def _smooth_embedding(rows: int, channels: int, scale: float) -> nn.Embedding:
    """Return an embedding that changes little from row to row, with deviation 1 before the scale."""
    embedding = nn.Embedding(rows, channels)
    with torch.no_grad():
        steps = torch.arange(1, rows + 1).sqrt()[:, None]
        embedding.weight.copy_(embedding.weight.cumsum(0) / steps / scale)
    return embedding
