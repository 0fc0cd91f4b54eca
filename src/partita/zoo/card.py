"""The card of a model package: everything about a model but its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partita.errors import ConfigError, ModelError
from partita.models.geometry import Geometry, Rows, StagedGeometry
from partita.system.toml import read_toml

__all__ = ["CARD_NAME", "GRAPH_NAME", "Card", "WindowLengths", "read_card"]

CARD_NAME = "card.toml"
GRAPH_NAME = "model.onnx"


@dataclass(frozen=True)
class WindowLengths:
    """The lengths of windows, in seconds, that are known to suit a model.

    Attributes:
        trained: Lengths of the excerpts it was trained on.
        measured: Lengths of the windows its scores were measured with.
    """

    trained: tuple[float, ...]
    measured: tuple[float, ...]

    def warning(self, segment: float) -> str | None:
        """Return why windows of ``segment`` seconds may separate worse, or None if they are within the lengths."""
        known = (*self.trained, *self.measured)
        if not known or min(known) <= segment <= max(known):
            return None
        trained, measured = (
            ", ".join(f"{length:g}" for length in part) or "?" for part in (self.trained, self.measured)
        )
        return (
            f"segment: {segment:g} s is outside the lengths known to suit this model (trained on {trained} s, measured "
            f"with {measured} s), so the stems may be worse"
        )


@dataclass(frozen=True)
class Card:
    """What a model is, how it was trained and how well it separates.

    Attributes:
        name: Name of the model; its stems are written to a folder of this name.
        description: One sentence.
        architecture: A key of :data:`partita.models.ARCHITECTURES`.
        licence: SPDX expression of the licence of the weights.
        sources: Names of the stems, in the order of the output.
        audio_channels: Channels of the mixture and of each stem.
        sample_rate: Sample rate of both, in Hz.
        segment: Default length of a window, in seconds.
        parameters: Number of trained parameters.
        weights_sha256: sha256 of the weights file, in hexadecimal.
        graphs: sha256 of each ONNX graph, by file name.
        configuration: Fields of the architecture's configuration.
        geometry: The lengths that the model's core accepts.
        stages: The lengths of its stages, if it is not limited to whole windows.
        training: Data, hours, recipe and configuration of the training.
        scores: Measured quality, with the data and the definition of the measure.
        limits: Known weaknesses of the model, a sentence each.
        lengths: The lengths of windows the model was trained and measured with, if they are known.
    """

    name: str
    description: str
    architecture: str
    licence: str
    sources: tuple[str, ...]
    audio_channels: int
    sample_rate: int
    segment: float
    parameters: int
    weights_sha256: str
    graphs: dict[str, str]
    configuration: dict[str, Any]
    geometry: Geometry
    stages: StagedGeometry | None = None
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    lengths: WindowLengths | None = None


def read_card(folder: Path) -> Card:
    """Read the card of the package in ``folder``.

    Raises:
        ModelError: There is no card, it is incomplete or names files elsewhere, or the folder holds an unfinished
            training run.
    """
    path = folder / CARD_NAME
    if not path.is_file():
        raise ModelError(_no_card(folder))
    try:
        facts = read_toml(path)
    except ConfigError as error:
        raise ModelError(str(error)) from error
    try:
        if "graph_sha256" in facts:  # cards of version 0.1
            facts["graphs"] = {GRAPH_NAME: facts.pop("graph_sha256")}
        facts["geometry"] = Geometry(**facts["geometry"])
        facts["stages"] = _stages(facts["stages"]) if "stages" in facts else None
        facts["sources"] = tuple(facts["sources"])
        if "lengths" in facts:
            facts["lengths"] = WindowLengths(**{name: tuple(values) for name, values in facts["lengths"].items()})
        facts["limits"] = tuple(facts.get("limits", ()))
        card = Card(**facts)
        graphs = card.graphs.items()
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a complete model card: {error}") from error
    for name, _ in graphs:
        if name in ("", ".", "..") or set(name) & set("/\\:"):
            raise ModelError(f"{path}: graphs: {name!r} must be the name of a file in the same folder")
    return card


def _stages(facts: dict[str, Any]) -> StagedGeometry:
    skips = tuple(Rows(**rows) for rows in facts["skips"])
    return StagedGeometry(skips=skips, **{name: Rows(**rows) for name, rows in facts.items() if name != "skips"})


def _no_card(folder: Path) -> str:
    """Return why there is no card: a training run writes its configuration first and the card last."""
    config, resumable = folder / "config.toml", (folder / "checkpoints" / "last.ckpt").is_file()
    if config.is_file() and (resumable or (folder / "log").is_dir()):
        resume = " --resume" if resumable else ""
        return (
            f"{folder}: an unfinished training run, not a model package yet; finish it with "
            f"partita train {config} --out {folder}{resume}, and its --data and --valid"
        )
    return f"{folder}: not a model package, it has no {CARD_NAME}"
