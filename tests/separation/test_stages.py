from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partita.models import build
from partita.models.demucs import Demucs, DemucsConfig
from partita.models.geometry import Rows
from partita.separation.backends import open_backend
from partita.separation.stages import separate_in_stages
from partita.separation.windows import plan_windows
from partita.zoo.export import export_package

CONFIG = {"channels": 1, "depth": 3, "kernel_size": 4, "stride": 2}
STAGED = DemucsConfig(**CONFIG).stages
GEOMETRY = Demucs(DemucsConfig(**CONFIG)).geometry


class Fake:
    """Stages whose stems are the mixture and its double; they check that all they are given belongs together.

    Each row of a level is the sample of the mixture at which it begins.
    """

    geometry = STAGED

    def __init__(self, pieces=(5, 5)):
        self.encoder_piece, self.decoder_piece = pieces

    def encode(self, mixture):
        first, last = STAGED.encoder_span(0, 0)
        frames, rest = divmod(len(mixture) - (last - first), STAGED.samples)
        assert frames > 0
        assert not rest
        return [mixture[: frames * STAGED.samples : STAGED.samples // span.rate] for span in STAGED.skips]

    def recur(self, frames):
        return frames.copy()

    def decode(self, frames, mixture, skips):
        position, end = STAGED.decoder_span(0, len(frames))
        assert len(mixture) == end - position
        for rows, span in zip([*skips, frames], [*STAGED.skips, Rows(1)], strict=True):
            begin, end = span.span(0, len(frames))
            assert len(rows) == end - begin
            samples = np.arange(begin, end) * (STAGED.samples // span.rate) - position
            inside = (samples >= 0) & (samples < len(mixture))
            assert inside.any()
            np.testing.assert_allclose(rows[inside], mixture[samples[inside]], rtol=1e-5, atol=1e-6)
        begin, end = STAGED.output_span(0, len(frames))
        stems = mixture[begin - position : end - position].T
        return np.stack([stems, 2 * stems])


def cut(x, sizes):
    """Cut a signal into blocks ``(samples, channels)`` of the sizes, again and again."""
    position, index = 0, 0
    while position < x.shape[1]:
        size = sizes[index % len(sizes)]
        yield x[:, position : position + size].T
        position, index = position + size, index + 1


def separated(
    x, stages, *, sizes=(1000,), threads=2, segment=100, overlap=0.25, offset=0, geometry=GEOMETRY, **options
):
    """Return the stems of a track ``(channels, samples)``."""
    plan = plan_windows(x.shape[1], segment=segment, overlap=overlap, geometry=geometry, offsets=(offset,))
    with ThreadPoolExecutor(threads) as pool:
        options = {"batch_size": 2, "ahead": 2, **options}
        return np.concatenate(list(separate_in_stages(cut(x, sizes), plan, stages, pool, **options)), axis=-1)


@settings(deadline=None, max_examples=40)
@given(
    samples=st.integers(1, 700),
    segment=st.integers(1, 200),
    overlap=st.floats(0, 0.95),
    pieces=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    batch_size=st.integers(1, 5),
    ahead=st.integers(1, 4),
    threads=st.integers(1, 3),
    offset=st.integers(0, 40),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=4),
)
def test_stages_that_change_nothing_give_the_mixture(samples, sizes, pieces, **options):
    x = np.random.default_rng(samples).normal(0.3, 2, (2, samples)).astype(np.float32)
    found = separated(x, Fake(pieces), sizes=sizes, mean=0.3, deviation=2.0, **options)
    # the fake stages return the normalised mixture at its own deviation, so without its mean
    expected = np.stack([x - np.float32(0.3), 2 * (x - np.float32(0.3))])
    assert found.shape == (2, 2, samples)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """Return ONNX stages of small models and the models."""
    made = {}

    def make(layers):
        if layers not in made:
            torch.manual_seed(1)
            model = build("demucs", channels=4, depth=3, lstm_layers=layers).eval()
            with torch.no_grad():
                for parameter in model.lstm.parameters() if layers else ():
                    parameter *= 4  # untrained, its output is too small to be seen
            folder = tmp_path_factory.mktemp("zoo")
            package = export_package(model, folder, name="tiny", licence="CC0-1.0", segment=1.0, half=False)
            made[layers] = open_backend("onnx", package, "cpu", threads=2).stages, model
        return made[layers]

    return make


class InPieces:
    """Stages that run on pieces of other lengths."""

    def __init__(self, stages, pieces):
        self.geometry = stages.geometry
        self.encoder_piece, self.decoder_piece = pieces
        self.encode, self.recur, self.decode = stages.encode, stages.recur, stages.decode


def whole(model, x):
    """The track through the torch module at once."""
    with torch.no_grad():
        return model(torch.from_numpy(x)[None])[0].numpy()


def assert_close(found, expected, tolerance):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@settings(deadline=None, max_examples=10)
@given(
    samples=st.integers(1, 9000),
    segment=st.integers(1, 4000),
    overlap=st.floats(0, 0.9),
    pieces=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    batch_size=st.integers(1, 5),
    ahead=st.integers(1, 4),
    threads=st.integers(1, 3),
    sizes=st.lists(st.integers(50, 3000), min_size=1, max_size=4),
)
def test_windows_of_convolutions_leave_no_seam(stages, samples, sizes, pieces, **options):
    onnx, model = stages(0)
    x = np.random.default_rng(samples).standard_normal((2, samples)).astype(np.float32)
    found = separated(x, InPieces(onnx, pieces), sizes=sizes, geometry=model.geometry, **options)
    assert_close(found, whole(model, x), 1e-5)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("samples", [700, 20000])
def test_a_single_window_is_that_of_the_core(stages, layers, samples):
    onnx, model = stages(layers)
    x = np.random.default_rng(0).standard_normal((2, samples)).astype(np.float32)
    assert_close(separated(x, onnx, segment=30000, geometry=model.geometry), whole(model, x), 1e-4)


def test_the_result_does_not_depend_on_threads_and_batches(stages):
    onnx, model = stages(2)
    x = np.random.default_rng(0).standard_normal((2, 30000)).astype(np.float32)
    options = {"segment": 5000, "geometry": model.geometry}
    expected = separated(x, onnx, threads=1, batch_size=1, ahead=1, **options)
    assert np.abs(expected - whole(model, x)).max() > 1e-5 * np.abs(expected).max()  # the windows matter
    for threads, batch_size, ahead in [(1, 4, 1), (3, 1, 3), (2, 3, 2), (2, 50, 5)]:
        found = separated(x, onnx, threads=threads, batch_size=batch_size, ahead=ahead, **options)
        assert_close(found, expected, 1e-5)


@pytest.mark.parametrize("stage", ["encode", "recur", "decode"])
@pytest.mark.parametrize("call", [1, 3])
def test_an_error_in_a_stage_reaches_the_caller(stage, call):
    fake = Fake()
    right, calls = getattr(fake, stage), []

    def wrong(*arguments):
        calls.append(stage)
        if len(calls) == call:
            raise MemoryError("too large")
        return right(*arguments)

    setattr(fake, stage, wrong)
    before = threading.active_count()
    with pytest.raises(MemoryError, match="too large"):
        separated(np.ones((2, 2000), np.float32), fake)
    assert threading.active_count() == before
    assert len(calls) < call + 8  # what had not begun was cancelled


def test_an_error_of_the_source_reaches_the_caller():
    def blocks():
        yield np.ones((300, 2), np.float32)
        raise OSError("no more")

    plan = plan_windows(2000, segment=100, overlap=0.25, geometry=GEOMETRY)
    with ThreadPoolExecutor(2) as pool, pytest.raises(OSError, match="no more"):
        list(separate_in_stages(blocks(), plan, Fake(), pool, batch_size=2, ahead=2))


def test_closing_early_cancels_what_has_not_begun():
    """The only thread is held until the stems are closed."""
    plan = plan_windows(100_000, segment=100, overlap=0.25, geometry=GEOMETRY)
    read = []
    blocks = (read.append(1) or np.ones((100, 2), np.float32) for _ in range(1000))
    began = []
    fake = Fake()
    encode = fake.encode
    fake.encode = lambda mixture: began.append(1) or encode(mixture)
    with ThreadPoolExecutor(1) as pool:
        stems = separate_in_stages(blocks, plan, fake, pool, batch_size=2, ahead=4)
        assert next(stems).shape[:2] == (2, 2)
        release = threading.Event()
        pool.submit(release.wait, 60)
        stems.close()
        count = len(began)
        release.set()
    assert len(began) <= count + 5
    assert len(read) < 100  # of 1000


def test_memory_is_that_of_a_few_windows():
    """Blocks are read when they are needed, not ahead of the stems by more than a batch of windows."""
    plan = plan_windows(100_000, segment=200, overlap=0.25, geometry=GEOMETRY)
    read, furthest, done = [], 0, 0
    blocks = (read.append(100) or np.ones((100, 2), np.float32) for _ in range(1000))
    with ThreadPoolExecutor(2) as pool:
        for stems in separate_in_stages(blocks, plan, Fake(), pool, batch_size=2, ahead=2):
            furthest = max(furthest, sum(read) - done)
            done += stems.shape[-1]
    assert done == 100_000
    assert furthest < 1500
