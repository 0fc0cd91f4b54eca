"""A model over a mixture, as ``demucs.apply``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from partita.compat.demucs.models import BagOfModels, Model
from partita.compat.demucs.torch_extra import torch
from partita.errors import ConfigError
from partita.separation import Progress

__all__ = ["BagOfModels", "Callback", "Model", "apply_model"]

Callback: TypeAlias = Callable[[dict[str, Any]], None]


def apply_model(
    model: BagOfModels | Model,
    mix: torch.Tensor,
    shifts: int = 1,
    split: bool = True,
    overlap: float = 0.25,
    transition_power: float = 1.0,
    progress: bool = False,
    device: torch.device | str | None = None,
    num_workers: int = 0,  # noqa: ARG001 - of demucs, like the next ones
    segment: float | None = None,
    pool: object = None,  # noqa: ARG001
    lock: object = None,  # noqa: ARG001
    callback: Callback | None = None,
    callback_arg: dict[str, Any] | None = None,
) -> torch.Tensor:
    """Separate mixtures. They need not be normalised.

    Args:
        model: A model or a bag, as :func:`partita.compat.demucs.pretrained.get_model` returns it.
        mix: Float ``(batch, channels, samples)`` at the sample rate of the model.
        shifts: Number of passes to average, each delayed a little more, by up to half a second. The delays are fixed,
            so that the same mixture gives the same stems; 0 and 1 are a single pass.
        split: Cut the mixture into windows of ``segment``; otherwise it is a single one.
        overlap: Fraction of a window that the next one covers too, in [0, 1).
        transition_power: Has to be 1: windows are weighted by a triangle.
        progress: Show a progress bar on standard error.
        device: Where the model runs; by default where ``mix`` is. On ``cpu`` it runs in ONNX Runtime.
        num_workers: Has no effect: all cores are used.
        segment: Length of a window in seconds; by default the model's.
        pool: Has no effect.
        lock: Has no effect.
        callback: Is called before (``state`` is ``start``) and after (``end``) each window with a dictionary of
            ``model_idx_in_bag``, ``shift_idx``, ``segment_offset`` (samples), ``state`` and ``models`` and the items of
            ``callback_arg``. It follows the progress of the separation, which computes several windows at once. What it
            raises ends the separation.
        callback_arg: More items for ``callback``.

    Returns:
        Float32 ``(batch, sources, channels, samples)`` on the device of ``mix``.

    Raises:
        ConfigError: An option or the shape of the mixture is invalid.
    """
    if transition_power != 1:
        raise ConfigError(f"transition_power: only 1 is supported, not {transition_power}")
    if mix.dim() != 3 or not mix.shape[-1]:
        raise ConfigError(f"mix: must be (batch, channels, samples), not {tuple(mix.shape)}")
    place = mix.device if device is None else torch.device(device)
    samples = mix.shape[-1]
    if not split:
        segment = samples / model.samplerate
    models: list[Any] = list(model.models) if isinstance(model, BagOfModels) else [model]
    weights = torch.tensor(model.weights if isinstance(model, BagOfModels) else [[1.0] * len(model.sources)])
    shares = weights / weights.sum(0)
    total = torch.zeros(len(mix), len(model.sources), *mix.shape[1:])
    for index, (member, share) in enumerate(zip(models, shares, strict=True)):
        separator = member.separator(place, segment, overlap, shifts)
        window = max(1, round((segment or member.segment) * member.samplerate))
        offsets = range(0, samples, max(1, int((1 - overlap) * window)))
        facts = {**(callback_arg or {}), "model_idx_in_bag": index, "models": len(models)}
        for track, stems in zip(mix.detach().float().cpu(), total, strict=True):
            events = _events(facts, max(1, shifts), offsets) if callback else []
            with _reporting(callback, events, samples / member.samplerate if progress else None) as report:
                found = separator.separate(track.numpy(), member.samplerate, progress=report)
            stems += share[:, None, None] * torch.stack([torch.from_numpy(found[name]) for name in model.sources])
    return total.to(mix.device)


def _events(facts: dict[str, Any], shifts: int, offsets: range) -> list[tuple[float, dict[str, Any]]]:
    """Return what to call back with at which fraction of the separation, in the order of demucs."""
    windows = [{**facts, "shift_idx": shift, "segment_offset": offset} for shift in range(shifts) for offset in offsets]
    return [
        ((index + ended) / len(windows), {**window, "state": "end" if ended else "start"})
        for index, window in enumerate(windows)
        for ended in (0, 1)
    ]


@contextmanager
def _reporting(
    callback: Callback | None, events: list[tuple[float, dict[str, Any]]], seconds: float | None
) -> Iterator[Progress]:
    """Yield what reports progress to the callback and, if the length in seconds is given, on a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    due = deque(events)
    columns = (BarColumn(), MofNCompleteColumn(), "seconds", TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), disable=seconds is None) as bar:
        task = bar.add_task("", total=round(seconds or 0, 1))

        def report(fraction: float, _: float | None) -> None:
            bar.update(task, completed=round(fraction * (seconds or 0), 1))
            while callback and due and due[0][0] <= fraction:
                callback(due.popleft()[1])

        yield report
