"""The end of a run: the best state as a model package, with curves and examples beside it."""

from __future__ import annotations

from pathlib import Path

import torch

from partita.data.cache import CachedSong
from partita.errors import OutputError
from partita.models import build
from partita.training import report
from partita.training.config import TrainingConfig
from partita.zoo import Package
from partita.zoo.card import WindowLengths
from partita.zoo.export import export_package

__all__ = ["package_checkpoint", "write_results"]


def write_results(checkpoint: Path, config: TrainingConfig, out: Path, example: CachedSong) -> Package:
    """Write the package of a finished run, its log as one table, its curves and examples to listen to.

    Args:
        checkpoint: The checkpoint that becomes the package.
        config: Configuration of the run.
        out: Folder of the run.
        example: The song that the examples are taken from.

    Raises:
        OutputError: A file cannot be written; the checkpoints are kept.
    """
    try:
        package = package_checkpoint(checkpoint, config, out)
        metrics = report.write_metrics(out)
        report.write_curves(metrics, out)
        report.write_examples(package, example, out / "examples")
    except (OutputError, OSError) as error:
        reason = error if isinstance(error, OutputError) else f"{out}: cannot be written: {error.strerror}"
        raise OutputError(
            f"{reason}; training is complete and its checkpoints are kept: free some space, then use --resume"
        ) from error
    return package


def package_checkpoint(checkpoint: Path, config: TrainingConfig, out: Path) -> Package:
    """Write the model of a checkpoint (its averaged weights, if the run averages) as a package.

    The card records the steps, the configuration, the lengths of the training's excerpts and of the validation's
    windows and, if the run started from a package (``model.init``), the sha256 of that package's weights file as
    ``training.init_sha256``.

    Args:
        checkpoint: A checkpoint of the run.
        config: Configuration of the run.
        out: Folder of the package.

    Raises:
        ModelError: The weights are not finite, or the ONNX graph does not match the module.
        OutputError: The package cannot be written.
    """
    model = build(config.model.architecture, **config.model.configuration)
    saved = torch.load(checkpoint, map_location="cpu", weights_only=False, mmap=True)
    model.load_state_dict({name.removeprefix("model."): value for name, value in saved["state_dict"].items()})
    training = {"steps": saved["global_step"], "configuration": config.model_dump(exclude_none=True)}
    if saved.get("partita_init_sha256") is not None:
        training["init_sha256"] = saved["partita_init_sha256"]
    return export_package(
        model,
        out,
        name=config.run.name,
        description=config.run.description,
        licence=config.run.licence,
        segment=config.run.window,
        lengths=WindowLengths(trained=(config.data.segment,), measured=(config.run.window,)),
        training=training,
    )
