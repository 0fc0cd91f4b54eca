"""Hybrid Transformer Demucs: a hybrid U-Net whose innermost layers are a transformer across both branches.

Hybrid Transformers for Music Source Separation (Rouard, Massa, Defossez, 2022).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partita.models.configurations.hybrid import HybridTransformerDemucsConfig
from partita.models.hybrid import HybridModel
from partita.models.residual_branch import mean_over

__all__ = ["HybridTransformerDemucs", "HybridTransformerDemucsConfig"]


class HybridTransformerDemucs(HybridModel):
    """The paper's model.

    Four layers reduce 2048 frequencies to eight; the tokens of the spectrogram branch are these eight for each frame,
    those of the waveform branch its steps. Only the training length has been seen, so a shorter input is extended to
    it.
    """

    architecture = "hybrid-transformer-demucs"

    def __init__(self, config: HybridTransformerDemucsConfig) -> None:
        super().__init__(config)
        outer, width = config.channels * config.growth ** (config.depth - 1), config.width
        self.crosstransformer = _CrossTransformer(config)
        changes = config.transformer_channels != 0
        self.channel_upsampler = nn.Conv2d(outer, width, 1) if changes else nn.Identity()
        self.channel_downsampler = nn.Conv2d(width, outer, 1) if changes else nn.Identity()
        self.channel_upsampler_t = nn.Conv2d(outer, width, 1) if changes else nn.Identity()
        self.channel_downsampler_t = nn.Conv2d(width, outer, 1) if changes else nn.Identity()

    def innermost(self, spectrogram: Tensor, waveform: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Let all tokens of both branches attend to each other (see :meth:`HybridModel.innermost`)."""
        x, wave = self.crosstransformer(self.channel_upsampler(spectrogram), self.channel_upsampler_t(waveform))
        return self.channel_downsampler(x), self.channel_downsampler_t(wave)


class _CrossTransformer(nn.Module):
    """Two transformers side by side, one for each branch, that attend to each other in every second layer."""

    def __init__(self, config: HybridTransformerDemucsConfig) -> None:
        super().__init__()
        self.position = _Position(config)
        self.norm_in = nn.LayerNorm(config.width)
        self.norm_in_t = nn.LayerNorm(config.width)
        kinds = [_SelfLayer if index % 2 == 0 else _CrossLayer for index in range(config.transformer_layers)]
        self.layers = nn.ModuleList(kind(config) for kind in kinds)
        self.layers_t = nn.ModuleList(kind(config) for kind in kinds)

    def forward(self, x: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(batch, channels, rows, frames)`` and ``(batch, channels, 1, steps)`` to the same shapes."""
        rows = x.shape[2]
        # tokens (batch, frames * rows, channels): all rows of the first frame come first
        tokens = self.norm_in(x.permute(0, 3, 2, 1)) + self.position.of_grid(x.shape[3], rows)
        wave_tokens = self.norm_in_t(wave[:, :, 0].transpose(1, 2)) + self.position.of_steps(wave.shape[3])
        tokens = tokens.flatten(1, 2)
        for layer, layer_t in zip(self.layers, self.layers_t, strict=True):
            tokens, wave_tokens = layer(tokens, wave_tokens), layer_t(wave_tokens, tokens)
        return tokens.unflatten(1, (-1, rows)).permute(0, 3, 2, 1), wave_tokens.transpose(1, 2)[:, :, None]


class _Layer(nn.Module):
    """Attention and a feed-forward network, each normalised before, scaled and added, and normalised at the end."""

    def __init__(self, config: HybridTransformerDemucsConfig) -> None:
        super().__init__()
        width, hidden = config.width, int(config.width * config.transformer_expansion)
        self.attention = _Attention(config)
        self.norm1 = nn.LayerNorm(width)
        self.gamma_1 = nn.Parameter(torch.full((width,), config.transformer_scale))
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.gamma_2 = nn.Parameter(torch.full((width,), config.transformer_scale))
        self.norm_out = _TokenNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def _finish(self, x: Tensor, attended: Tensor, norm: nn.Module) -> Tensor:
        x = x + self.gamma_1 * self.dropout(attended)
        hidden = self.dropout(F.gelu(self.linear1(norm(x))))
        y: Tensor = self.norm_out(x + self.gamma_2 * self.dropout(self.linear2(hidden)))
        return y


class _SelfLayer(_Layer):
    """Attention to the tokens of the same branch."""

    def __init__(self, config: HybridTransformerDemucsConfig) -> None:
        super().__init__(config)
        self.norm2 = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Map ``(batch, tokens, channels)`` to the same shape; the other branch is not read."""
        normal = self.norm1(x)
        return self._finish(x, self.attention(normal, normal), self.norm2)


class _CrossLayer(_Layer):
    """Attention to the tokens of the other branch."""

    def __init__(self, config: HybridTransformerDemucsConfig) -> None:
        super().__init__(config)
        self.norm2 = nn.LayerNorm(config.width)
        self.norm3 = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Map ``(batch, tokens, channels)`` to the same shape, given the tokens of the other branch."""
        return self._finish(x, self.attention(self.norm1(x), self.norm2(other)), self.norm3)


class _Attention(nn.Module):
    """Multi-head attention."""

    def __init__(self, config: HybridTransformerDemucsConfig) -> None:
        super().__init__()
        self.heads = config.transformer_heads
        self.dropout = config.dropout
        width = config.width
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Map ``(batch, queries, channels)`` to the same shape, given what to attend to."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query, key, value = map(F.linear, (x, other, other), weights, biases)
        if torch.onnx.is_in_onnx_export():
            found: Tensor = _FusedAttention.apply(query, key, value, self.heads)  # type: ignore[no-untyped-call]
        else:
            found = _attend(query, key, value, self.heads, self.dropout if self.training else 0.0)
        y: Tensor = self.out_proj(found)
        return y


def _attend(query: Tensor, key: Tensor, value: Tensor, heads: int, dropout: float = 0.0) -> Tensor:
    """Attend in each head by itself; all tensors are ``(batch, tokens, channels)``."""
    query, key, value = (tokens.reshape(*tokens.shape[:2], heads, -1).transpose(1, 2) for tokens in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout).transpose(1, 2).flatten(2)


class _FusedAttention(torch.autograd.Function):
    """Attention as a single node of an ONNX graph: ONNX Runtime's own does not store the table of all scores."""

    @staticmethod
    def forward(_: Any, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        return _attend(query, key, value, heads)

    @staticmethod
    def symbolic(g: Any, query: Any, key: Any, value: Any, heads: int) -> Any:
        fused = g.op("com.microsoft::MultiHeadAttention", query, key, value, num_heads_i=heads)
        return fused.setType(query.type())


class _TokenNorm(nn.Module):
    """Normalises over all tokens and channels; gain and bias for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, channels)`` to the same shape."""
        centred = x - mean_over(x, 2, 1)
        deviation = (mean_over(centred.square(), 2, 1) + 1e-5).sqrt()
        return centred * (self.weight / deviation) + self.bias


class _Position(nn.Module):
    """Sinusoidal embeddings of positions. The frequencies are constants, whose powers no two runtimes round alike."""

    def __init__(self, config: HybridTransformerDemucsConfig) -> None:
        super().__init__()
        half = config.width // 2
        index = torch.arange(half, dtype=torch.float64)
        self.register_buffer("step", (config.max_period ** (-index / (half - 1))).float(), persistent=False)
        self.register_buffer("grid", (config.max_period ** (-index[::2] / half)).float(), persistent=False)
        self.step: Tensor
        self.grid: Tensor

    def of_steps(self, count: int) -> Tensor:
        """Return the cosines, then the sines, of each step, ``(steps, channels)``."""
        phase = torch.arange(count, device=self.step.device)[:, None] * self.step
        return torch.cat([phase.cos(), phase.sin()], 1)

    def of_grid(self, frames: int, rows: int) -> Tensor:
        """Return ``(frames, rows, channels)``: sine and cosine of the frame by turns, then those of the row."""
        over_frames, over_rows = self._waves(frames)[:, None], self._waves(rows)[None]
        return torch.cat([over_frames + 0 * over_rows, over_rows + 0 * over_frames], 2)

    def _waves(self, count: int) -> Tensor:
        phase = torch.arange(count, device=self.grid.device)[:, None] * self.grid
        return torch.stack([phase.sin(), phase.cos()], 2).flatten(1)
