from __future__ import annotations

import pytest
import torch

from partita.data import augment


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def stems():
    """Samples whose value encodes their item, source, channel and time."""
    item, source, channel, time = torch.meshgrid(*map(torch.arange, (32, 4, 2, 100)), indexing="ij")
    return (item * 100000 + source * 10000 + channel * 1000 + time).float() + 1


def test_shift_moves_every_stem_independently(stems, generator):
    out = augment.shift(stems, 40, generator)
    assert out.shape == (32, 4, 2, 60)
    offsets = out[..., 0, 0] - stems[..., 0, 0]
    assert ((offsets >= 0) & (offsets <= 40)).all()
    assert offsets.unique().numel() > 25
    expected = stems[..., :60] + offsets[..., None, None]
    assert torch.equal(out, expected)  # both channels together, otherwise unchanged


def test_shift_without_room_changes_nothing(stems, generator):
    assert torch.equal(augment.shift(stems, 0, generator), stems)


def test_half_of_the_stems_are_inverted(stems, generator):
    out = augment.flip_sign(stems, generator)
    inverted = (out == -stems).all(-1).all(-1)
    assert ((out == stems).all(-1).all(-1) ^ inverted).all()
    assert 40 < inverted.sum() < 90


def test_channels_of_half_of_the_stems_are_swapped(stems, generator):
    out = augment.flip_channels(stems, generator)
    swapped = (out == stems.flip(2)).all(-1).all(-1)
    assert ((out == stems).all(-1).all(-1) ^ swapped).all()
    assert 40 < swapped.sum() < 90


def test_mono_channels_are_not_swapped(stems, generator):
    assert torch.equal(augment.flip_channels(stems[:, :, :1], generator), stems[:, :, :1])


def test_gains_are_uniform_in_their_range(stems, generator):
    gains = (augment.scale(stems, 0.25, 1.25, generator) / stems)[..., 0, 0]
    assert gains.min() >= 0.25
    assert gains.max() <= 1.25
    assert gains.std() == pytest.approx(1 / 12**0.5, rel=0.15)


@pytest.mark.parametrize("group", [4, 32])
def test_remix_permutes_each_source_within_its_group(stems, generator, group):
    out = augment.remix(stems, group, generator)
    origin = ((out[..., 0, 0] - 1) // 100000).long()
    for source in range(4):
        assert torch.equal(out[:, source], stems[origin[:, source], source])
        for first in range(0, 32, group):
            members = origin[first : first + group, source]
            assert sorted(members.tolist()) == list(range(first, first + group))
    assert not torch.equal(origin[:, 0], origin[:, 1])


def test_a_batch_that_is_not_a_multiple_of_the_group_is_refused(stems, generator):
    with pytest.raises(ValueError, match="groups of 5"):
        augment.remix(stems, 5, generator)


def test_the_same_seed_gives_the_same_batch(stems):
    one, again = (
        augment.remix(augment.flip_sign(stems, g), 4, g) for g in (torch.Generator().manual_seed(7) for _ in range(2))
    )
    assert torch.equal(one, again)
