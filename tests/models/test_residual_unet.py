from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from partita.errors import ConfigError
from partita.models.residual_unet import DecoderLayer, EncoderLayer, Level, ResidualUNetConfig, pad_to_multiple

CONFIG = ResidualUNetConfig(channels=8, depth=2, branches="both", branch_scale=0.5)
LONG = Level(0, 8, (1, 8), (1, 4), (0, 2))  # of a waveform
HIGH = Level(0, 8, (8, 1), (4, 1), (2, 0))  # of a spectrogram


def branch(**configuration):
    torch.manual_seed(0)
    fields = {"channels": 8, "depth": 1, "branch_depth": 1, "branch_scale": 0.5, "branch_compression": 2}
    layer = EncoderLayer(ResidualUNetConfig(**{**fields, **configuration}), LONG, 2)
    return layer.dconv[0].eval()


@pytest.mark.parametrize("steps", [64, 65, 67])
def test_a_layer_over_the_waveform_divides_the_steps_and_restores_them(steps):
    encode, decode = EncoderLayer(CONFIG, LONG, 2), DecoderLayer(CONFIG, LONG, 3)
    inside = encode(torch.randn(2, 2, 1, steps))
    assert inside.shape == (2, 8, 1, -(-steps // 4))
    assert decode(inside, steps)[0].shape == (2, 3, 1, steps)


def test_a_layer_over_the_spectrogram_divides_the_rows_and_restores_them():
    encode, decode = EncoderLayer(CONFIG, HIGH, 2), DecoderLayer(CONFIG, HIGH, 3, over_rows=True)
    inside = encode(torch.randn(2, 2, 64, 11))
    assert inside.shape == (2, 8, 16, 11)
    found, before = decode(inside)
    assert found.shape == (2, 3, 64, 11)
    assert before.shape == inside.shape


def test_padding_adds_zeros_up_to_the_multiple():
    x = torch.ones(1, 1, 1, 9)
    assert pad_to_multiple(x, 4).tolist() == [[[[1.0] * 9 + [0.0] * 3]]]
    assert pad_to_multiple(x, 3) is x


@torch.no_grad()
def test_a_branch_normalises_each_row_over_channels_and_steps():
    layer = branch()
    nn.init.uniform_(layer.norm.weight, 0.5, 2)
    nn.init.uniform_(layer.expand_norm.bias, -1, 1)
    x = torch.randn(2, 8, 5, 40)
    rows = x.transpose(1, 2).flatten(0, 1)
    y = F.conv1d(rows, layer.conv.weight[:, :, 0], layer.conv.bias, padding=1)
    y = F.gelu(F.group_norm(y, 1, layer.norm.weight, layer.norm.bias))
    y = F.conv1d(y, layer.expand.weight[:, :, 0], layer.expand.bias)
    y = F.glu(F.group_norm(y, 1, layer.expand_norm.weight, layer.expand_norm.bias), 1)
    expected = x + 0.5 * y.unflatten(0, (2, 5)).transpose(1, 2)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_row_far_from_zero_is_normalised_exactly():
    norm = branch().norm
    x = 1000 + torch.randn(1, 4, 3, 500)
    torch.testing.assert_close(norm(x), F.layer_norm(x.transpose(1, 2), (4, 500)).transpose(1, 2), rtol=0, atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("steps", [1, 150, 200])
def test_a_signal_no_longer_than_a_piece_is_one_sequence(steps):
    lstm = branch(lstm_starts=0).lstm
    x = torch.randn(2, 4, steps)
    expected = x + lstm.linear(lstm.lstm(x.permute(2, 0, 1))[0]).permute(1, 2, 0)
    torch.testing.assert_close(lstm(x), expected, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_longer_signal_is_processed_in_pieces():
    lstm = branch(lstm_starts=0).lstm
    x = torch.randn(1, 4, 430)
    found = lstm(x)
    for start, kept in ((0, slice(0, 150)), (100, slice(150, 250)), (200, slice(250, 350))):
        piece = lstm(x[..., start : start + 200])
        torch.testing.assert_close(found[..., kept], piece[..., kept.start - start : kept.stop - start])
    last = lstm(F.pad(x[..., 400:], (0, 170)))  # the last piece is filled up with zeros, but 350 is in the one before
    before = lstm(F.pad(x[..., 300:], (0, 70)))
    torch.testing.assert_close(found[..., 350:], before[..., 50:130])
    assert last.shape == (1, 4, 200)


@torch.no_grad()
def test_local_attention_is_the_weighted_sum_of_the_other_steps():
    attention = branch(attention_starts=0, branch_compression=1).attention
    x = torch.randn(1, 8, 12)
    query, key, content = (layer(x)[0].numpy() for layer in (attention.query, attention.key, attention.content))
    decay = attention.query_decay(x)[0].sigmoid().numpy() / 2
    expected = np.zeros((8, 12))
    for head in range(4):
        own = slice(2 * head, 2 * head + 2)
        for step in range(12):
            others = [other for other in range(12) if other != step]
            rate = sum((n + 1) * decay[4 * head + n, step] / 2 for n in range(4))
            scores = [query[own, step] @ key[own, other] / np.sqrt(2) - rate * abs(step - other) for other in others]
            shares = np.exp(scores) / np.exp(scores).sum()
            expected[own, step] = sum(share * content[own, other] for share, other in zip(shares, others, strict=True))
    found = attention(x)
    projected = x + attention.proj(torch.from_numpy(expected[None]).float())
    torch.testing.assert_close(found, projected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"kernel_size": 3}, "kernel_size: must be at least the stride"),
        ({"context": 2}, "context: must be odd"),
        ({"branches": "decode"}, "branches: invalid value 'decode': did you mean 'decoder'"),
        ({"branch_compression": 64}, "branch_compression: leaves none of the 48 channels of layer 0"),
        ({"channels": 8, "attention_starts": 0}, "attention_starts: the branches of layer 0 have 2 channels"),
        ({"channels": 6, "norm_starts": 0}, "norm_groups: 4 groups do not divide the 6 channels"),
        ({"rescale": -1}, "rescale: must not be negative"),
        ({"growth": 0}, "growth: must be at least 1"),
    ],
)
def test_what_is_invalid_is_named(configuration, message):
    with pytest.raises(ConfigError, match=message):
        ResidualUNetConfig(**configuration)
