"""Write checkpoints in the published formats, with random weights, and what the published code computes with them.

Run by ``check_published.py`` once for each oracle, with the oracle's packages on the path::

    python tests/parity/oracle.py demucs-2.0.3 FOLDER
"""

from __future__ import annotations

import argparse
import copy
import gzip
import importlib
import io
import json
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import torch

SOURCES = ["drums", "bass", "other", "vocals"]


def mixture(samples: int) -> torch.Tensor:
    """Return an input ``(1, 2, samples)`` with the level of music."""
    return torch.from_numpy(np.random.default_rng(1).normal(0, 0.2, (1, 2, samples)).astype(np.float32))


def lively(model: torch.nn.Module) -> torch.nn.Module:
    """Give all weights that start as constants random values, so that nothing is left out of the comparison."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point() and (value.dim() < 2 or value.std() < 1e-3):
                noise = torch.rand(value.shape, generator=generator) - 0.5
                value.copy_(1 + noise / 2 if "var" in name else value + noise / 5)
    return model.eval()


@torch.no_grad()
def store(folder: Path, case: str, content: object, model: torch.nn.Module, samples: int, **options: object) -> None:
    """Write the checkpoint of a case and the output of the model."""
    if content is not None:
        torch.save(content, folder / f"{case}.th", **options)
    x = mixture(samples)
    np.savez_compressed(folder / f"{case}.npz", samples=samples, output=model(x)[0].numpy().astype(np.float32))


def half(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the state as 16-bit floats, and give the model the same values."""
    state = {name: value.half() for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    return state


def demucs_2(folder: Path) -> None:
    """Write the formats of 2019 and 2021."""
    from demucs.model import Demucs
    from demucs.tasnet import ConvTasNet

    # the legacy form stores the source code of a class beside its name
    torch.serialization.get_source_lines_and_file = lambda *_: (["# the source code of the class"], 1, "model.py")
    torch.manual_seed(0)
    small = {"channels": 4, "depth": 2}
    old = lively(Demucs(SOURCES, resample=False, **small))
    samples = old.valid_length(500)
    content = (Demucs, (), {"sources": 4, **small}, old.state_dict())
    store(folder, "demucs-2019", content, old, samples, _use_new_zipfile_serialization=False)
    levels = copy.deepcopy(old)
    with torch.no_grad():  # 256 levels for each tensor
        for value in levels.parameters():
            low, step = value.min(), (value.max() - value.min()) / 255
            value.copy_(low + ((value - low) / step).round() * step)
    file = io.BytesIO()
    torch.save((Demucs, (), {"sources": 4, **small}, levels.state_dict()), file, _use_new_zipfile_serialization=False)
    (folder / "demucs-2019-quantised.th.gz").write_bytes(gzip.compress(file.getvalue()))
    store(folder, "demucs-2019-quantised", None, levels, samples)

    nets = {"N": 12, "L": 20, "B": 8, "H": 10, "P": 3, "X": 4, "R": 2}
    tasnet = lively(ConvTasNet(sources=SOURCES, **nets))
    kwargs = {**nets, "audio_channels": 2, "samplerate": 44100}  # 2019 had C instead of names
    content = (ConvTasNet, (), kwargs, tasnet.state_dict())
    store(folder, "tasnet-2019", content, tasnet, 800, _use_new_zipfile_serialization=False)
    store(folder, "tasnet-2021", tasnet.state_dict(), tasnet, 800)

    new = lively(Demucs(SOURCES, context=1, **small))
    samples = new.valid_length(500)
    store(folder, "demucs-2021", new.state_dict(), new, samples)
    kwargs = {**small, "context": 1, "sources": SOURCES, "segment_length": 441000}
    trained = argparse.Namespace(diffq=3e-4, q_min_size=0.001, qat=None, out=Path("out"))
    package = {"klass": Demucs, "args": (), "kwargs": kwargs, "state": new.state_dict(), "training_args": trained}
    store(folder, "demucs-2021-local", package, new, samples)

    from diffq import DiffQuantizer, UniformQuantizer

    for name, make in (
        ("diffq", lambda model: DiffQuantizer(model, group_size=8, min_size=0.001)),
        ("qat", lambda model: UniformQuantizer(model, bits=6, min_size=0.001)),
    ):
        model = copy.deepcopy(new)
        quantiser = make(model)
        for key, value in model.named_parameters():
            if key.endswith("_diffq"):
                value.data.normal_(generator=torch.Generator().manual_seed(3)).clamp_(
                    max=2
                )  # of 15 bits, DiffQ loses the levels
        state = quantiser.get_quantized_state(packed=False)
        del state["meta"]  # as DiffQ 0.1, which was used for the published model
        quantiser.restore_quantized_state(state)
        quantiser.detach()
        file = io.BytesIO()
        torch.save(state, file)
        trained = argparse.Namespace(**{"diffq": None, "qat": None, "q_min_size": 0.001, name: 6})
        compressed = {"compressed": zlib.compress(file.getvalue())}
        store(folder, f"demucs-2021-{name}", {**package, "state": compressed, "training_args": trained}, model, samples)


def demucs_4(folder: Path) -> None:
    """Write the formats of 2021 (v3) and 2022 (v4)."""
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs
    from diffq import DiffQuantizer
    from safetensors.torch import save_file

    torch.manual_seed(0)
    cases = {
        "time": (Demucs, {"channels": 4, "depth": 5}, 20000),
        "hybrid": (HDemucs, {"channels": 4}, 30000),
        "transformer": (HTDemucs, {"channels": 8, "bottom_channels": 16, "t_heads": 2, "segment": 1}, 44100),
    }
    for case, (klass, kwargs, samples) in cases.items():
        model = lively(klass(SOURCES, **kwargs))
        state = half(model)
        package = {"klass": klass, "args": (), "kwargs": {"sources": SOURCES, **kwargs}, "training_args": {"seed": 42}}
        store(folder, case, {**package, "state": state}, model, samples)
        if case == "transformer":
            metadata = {
                "klass": f"{klass.__module__}.{klass.__name__}",
                "args": "[]",
                "kwargs": json.dumps(package["kwargs"]),
            }
            save_file({key: value.contiguous() for key, value in state.items()}, folder / "safetensors.th", metadata)
            store(folder, "safetensors", None, model, samples)
            continue
        quantiser = DiffQuantizer(model, group_size=4, min_size=0.001)
        for key, value in model.named_parameters():
            if key.endswith("_diffq"):
                value.data.normal_(generator=torch.Generator().manual_seed(3)).clamp_(
                    max=2
                )  # of 15 bits, DiffQ loses the levels
        quantised = quantiser.get_quantized_state()
        quantiser.restore_quantized_state(quantised)
        quantiser.detach()
        store(folder, f"{case}-diffq", {**package, "state": {**quantised, "__quantized": True}}, model, samples)


def open_unmix(folder: Path) -> None:
    """Write a folder with one file for each source."""
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")
    model = importlib.import_module("openunmix.model")

    torch.manual_seed(0)
    targets = {source: lively(model.OpenUnmix(2049, 2, 8, 2, max_bin=1487)) for source in SOURCES}
    (folder / "umx").mkdir(exist_ok=True)
    for source, network in targets.items():
        torch.save(network.state_dict(), folder / "umx" / f"{source}.pth")
    separator = model.Separator(targets, niter=1, n_fft=4096, n_hop=1024, nb_channels=2, wiener_win_len=300)
    store(folder, "umx", None, separator.eval(), 30 * 1024)


def main() -> None:
    oracle, folder = sys.argv[1], Path(sys.argv[2])
    {"demucs-2.0.3": demucs_2, "demucs-4.1.0": demucs_4, "openunmix-1.3.0": open_unmix}[oracle](folder)


if __name__ == "__main__":
    main()
