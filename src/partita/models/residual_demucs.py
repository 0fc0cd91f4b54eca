"""Demucs of 2021 in the time domain, with residual branches, group normalisation and GELU.

Hybrid Spectrogram and Waveform Source Separation (Defossez, 2021), section 3: the models that the Hybrid Demucs is
compared and combined with.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.base import WaveformModel
from partita.models.configurations.residual_demucs import ResidualDemucsConfig
from partita.models.configurations.residual_unet import Level
from partita.models.initialisation import rescale_weights
from partita.models.resampling import SincResampler
from partita.models.residual_unet import DecoderLayer, EncoderLayer

__all__ = ["ResidualDemucs", "ResidualDemucsConfig"]

_EPSILON = 1e-5  # added to the deviation


class ResidualDemucs(WaveformModel):
    """The paper's model without a spectrogram.

    The strided convolutions are not padded; the input is extended by zeros at both ends to a length that they divide.
    The model normalises over the whole input and attends to all of it, so any input is valid, all outputs depend on
    the whole input, and none of them are edges.
    """

    architecture = "residual-demucs"

    def __init__(self, config: ResidualDemucsConfig) -> None:
        super().__init__(config)
        self.config = config
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        outer, outer_out = config.audio_channels, len(config.sources) * config.audio_channels
        for index in range(config.depth):
            channels = config.channels * config.growth**index
            level = Level(index, channels, (1, config.kernel_size), (1, config.stride), (0, 0))
            self.encoder.append(EncoderLayer(config, level, outer))
            self.decoder.insert(0, DecoderLayer(config, level, outer_out))
            outer = outer_out = channels
        self.resampler = SincResampler() if config.resample else None
        if config.rescale:
            rescale_weights(self, config.rescale)

    def core(self, mixture: Tensor) -> Tensor:
        """Separate an input of a valid length (see :meth:`WaveformModel.core`)."""
        samples = mixture.shape[-1]
        mono = mixture.mean(1, keepdim=True)
        mean, deviation = mono.mean(-1, keepdim=True), mono.std(-1, keepdim=True)
        x = (mixture - mean) / (_EPSILON + deviation) if self.config.normalise else mixture
        missing = (self.geometry.shortest_input - samples) % self.config.multiple
        x = F.pad(x, (missing // 2, missing - missing // 2))
        x = (self.resampler.upsample(x) if self.resampler else x)[:, :, None]
        skips = []
        for encode in self.encoder:
            x = encode(x)
            skips.append(x)
        for decode in self.decoder:
            x, _ = decode(x + skips.pop())
        x = self.resampler.downsample(x[:, :, 0]) if self.resampler else x[:, :, 0]
        x = x[..., missing // 2 : missing // 2 + samples]
        if self.config.normalise:
            x = x * deviation + mean
        return x.reshape(-1, len(self.sources), self.audio_channels, samples)
