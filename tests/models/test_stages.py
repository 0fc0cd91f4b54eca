from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.models import build
from partita.models.demucs import DemucsConfig
from partita.models.stages import InnerDecoder, InnerEncoder, OuterDecoder, OuterEncoder, Recurrence

CONFIGURATIONS = {
    "plain": {},
    "deep": {"depth": 4},
    "resample": {"resample": True},
    "resample-consistent": {"resample": True, "consistent": True},
    "consistent": {"consistent": True},
    "relu": {"glu": False},
    "no-rewrite": {"rewrite": False},
    "odd-kernel": {"kernel_size": 7, "stride": 3},
    "odd-kernel-consistent": {"kernel_size": 10, "stride": 4, "consistent": True, "resample": True},
    "kernel-is-stride": {"kernel_size": 4},
    "three-strides": {"kernel_size": 6, "stride": 2},
    "context-1": {"context": 1},
    "context-5": {"context": 5, "resample": True},
    "mono": {"audio_channels": 1, "sources": ("voice", "rest")},
}


def built(configuration):
    torch.manual_seed(0)
    return build("demucs", **{"channels": 3, "depth": 3, "lstm_layers": 0, **configuration}).eval()


def through_stages(model, mixture, frames, first=0):
    """Run the stages over frames ``first`` to ``frames - 1`` of a mixture ``(samples, channels)``; check all lengths.

    Frame 0 begins at sample ``-encoder_span(0, 0)[0]`` of the mixture.
    """
    geometry = model.config.stages
    base = -geometry.encoder_span(0, 0)[0]
    start, stop = geometry.encoder_span(first, frames)
    second = OuterEncoder(model)(mixture[base + start : base + stop])
    levels = [second, *InnerEncoder(model)(second)]
    assert len(levels) == len(geometry.skips) == model.config.depth - 1
    begin, end = geometry.inner_encoder.span(first, frames)
    assert second.shape[0] == end - begin
    assert levels[-1].shape[0] == frames - first
    skips = []
    for rows, span in zip(levels, geometry.skips, strict=True):
        begin, end = span.span(0, frames - first)
        assert 0 <= begin <= end <= rows.shape[0]
        skips.append(rows[begin:end])
    recurrent = Recurrence(model)(levels[-1][:, None])[:, 0]
    rows = InnerDecoder(model)(recurrent, *skips)
    begin, end = geometry.inner_decoder.span(first, frames)
    assert rows.shape[0] == end - begin
    start, stop = geometry.decoder_span(first, frames)
    stems = OuterDecoder(model)(rows, mixture[base + start : base + stop])
    begin, end = geometry.output_span(first, frames)
    assert stems.shape == (len(model.sources), model.audio_channels, end - begin)
    return base + begin, stems


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@torch.no_grad()
def test_stages_compute_what_the_core_computes(configuration):
    """Where the core sees the whole of what a sample depends on; its edges lack neighbours."""
    model = built(configuration)
    geometry = model.config.stages
    assert geometry is not None
    assert geometry.samples == model.geometry.multiple
    before, after = geometry.encoder_span(0, 0)
    base = -before  # the core's first sample is that of frame 0
    length = model.geometry.input_length(40 * geometry.samples)
    mixture = torch.randn(base + length, model.audio_channels)
    expected = model.core(mixture[base:].t()[None])[0]
    edge = model.geometry.edge
    first = base + (length - expected.shape[-1]) // 2 + edge
    inside = expected[..., edge : expected.shape[-1] - edge]
    frames = (base + length - (after - before)) // geometry.samples
    begin, found = through_stages(model, mixture, frames)
    start, stop = max(first, begin), min(first + inside.shape[-1], begin + found.shape[-1])
    assert stop - start > 20 * geometry.samples
    found, inside = found[..., start - begin : stop - begin], inside[..., start - first : stop - first]
    torch.testing.assert_close(found, inside, rtol=0, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
@torch.no_grad()
def test_every_stage_reads_and_returns_the_rows_of_its_geometry(configuration, data):
    """The rows of a piece are those of the whole, so pieces can be joined."""
    model = built(configuration)
    geometry = model.config.stages
    least = geometry.lost_frames + 1
    total = data.draw(st.integers(least, least + 12))
    first = data.draw(st.integers(0, total - least))
    last = data.draw(st.integers(first + least, total))
    start, stop = geometry.encoder_span(0, total)
    mixture = torch.randn(stop - start, model.audio_channels, generator=torch.Generator().manual_seed(total))
    begin, whole = through_stages(model, mixture, total)
    position, piece = through_stages(model, mixture, last, first)
    inside = whole[..., position - begin : position - begin + piece.shape[-1]]
    torch.testing.assert_close(piece, inside, rtol=0, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_pieces_that_overlap_by_what_is_lost_join(configuration):
    geometry = DemucsConfig(**{"depth": 3, **configuration}).stages
    for lost in (geometry.lost_frames - 1, geometry.lost_frames):
        joined = geometry.output_span(10 - lost, 20)[0] <= geometry.output_span(0, 10)[1]
        assert joined == (lost == geometry.lost_frames)
    rows = geometry.lost_rows
    assert geometry.output.span(10 - rows, 20)[0] <= geometry.output.span(0, 10)[1]
    assert geometry.output.span(11 - rows, 20)[0] > geometry.output.span(0, 10)[1]


@pytest.mark.parametrize("layers", [0, 1, 2])
@torch.no_grad()
def test_the_recurrence_is_that_of_the_model(layers):
    model = built({"lstm_layers": layers})
    frames = torch.randn(11, 3, 12)  # frames, windows, channels
    found = Recurrence(model)(frames)
    expected = frames if model.lstm is None else model.lstm(frames.permute(1, 2, 0)).permute(2, 0, 1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "configuration", [{"upsample": True}, {"mask": True, "stride": 4, "depth": 5}, {"depth": 2}, {"depth": 1}]
)
def test_other_models_run_on_whole_windows(configuration):
    assert DemucsConfig(**configuration).stages is None
