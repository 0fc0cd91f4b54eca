"""Compare imported checkpoints with the published code, for every format that models were published in.

It installs demucs 2.0.3, demucs 4.1.0 and openunmix 1.3.0 into a folder of their own, lets them write checkpoints with
random weights and their outputs (``oracle.py``), imports the checkpoints and compares both backends with the outputs::

    python tests/parity/check_published.py [--oracles FOLDER] [--store FOLDER]

With ``--store``, the small cases are copied, for ``tests/zoo/test_published_formats.py``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from partita.system.onnx_runtime import onnxruntime
from partita.zoo.imports import import_checkpoint
from tests.parity.oracle import mixture

ORACLES = {
    "demucs-2.0.3": ["demucs==2.0.3", "diffq==0.2.4", "julius==0.2.8"],
    "demucs-4.1.0": ["demucs==4.1.0", "diffq==0.2.4", "julius==0.2.8", "einops==0.8.2", "openunmix==1.3.0"],
    "openunmix-1.3.0": ["openunmix==1.3.0"],
}
STORED = (
    "demucs-2019",
    "demucs-2019-quantised",
    "demucs-2021",
    "demucs-2021-diffq",
    "demucs-2021-qat",
    "tasnet-2019",
    "tasnet-2021",
)
TOLERANCE = 1e-4  # of the peak


def install(folder: Path) -> None:
    """Install what is missing; torch and NumPy are those of this environment."""
    for oracle, packages in ORACLES.items():
        if not (folder / oracle).is_dir():
            target = ["--target", str(folder / oracle), "--no-deps", "--quiet"]
            subprocess.run([sys.executable, "-m", "pip", "install", *target, *packages], check=True)


def write(oracles: Path, folder: Path) -> None:
    """Let every oracle write its checkpoints."""
    for oracle in ORACLES:
        environment = {**os.environ, "PYTHONPATH": str(oracles / oracle), "PYTHONWARNINGS": "ignore"}
        script = str(Path(__file__).with_name("oracle.py"))
        subprocess.run([sys.executable, script, oracle, str(folder)], check=True, env=environment)


def checkpoint(folder: Path, case: str) -> Path:
    """Return the checkpoint of a case: a file, or the folder of an Open-Unmix."""
    (path,) = [path for path in folder.glob(f"{case}*") if path.name in (case, f"{case}.th", f"{case}.th.gz")]
    return path


def errors(folder: Path, case: str) -> tuple[float, float]:
    """Import the checkpoint of a case; return the errors of torch and of the graph as fractions of the peak."""
    package = import_checkpoint(checkpoint(folder, case), case)
    vectors = np.load(folder / f"{case}.npz")
    x, expected = mixture(int(vectors["samples"])), vectors["output"]
    model = package.load_torch()
    with torch.no_grad():
        if package.card.architecture == "open-unmix":  # the published one extends the signal by reflection
            x = torch.nn.functional.pad(x, (2048, 2048), mode="reflect")
            expected = expected[..., 1024:-1024]
        found = model.core(x)[0].numpy()
    session = onnxruntime.InferenceSession(package.graph, providers=["CPUExecutionProvider"])
    (graph,) = session.run(None, {"mixture": x.numpy()})
    peak = np.abs(expected).max()
    return float(np.abs(found - expected).max() / peak), float(np.abs(graph[0] - expected).max() / peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracles", type=Path, help="where the oracles are installed (default: a temporary folder)")
    parser.add_argument("--store", type=Path, help="copy the small cases to this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "checkpoints"
        folder.mkdir()
        os.environ["PARTITA_HOME"] = str(Path(temporary) / "home")
        oracles = options.oracles or Path(temporary) / "oracles"
        install(oracles)
        write(oracles, folder)
        failed = False
        for vectors in sorted(folder.glob("*.npz")):
            torch_error, graph_error = errors(folder, vectors.stem)
            failed |= not max(torch_error, graph_error) <= TOLERANCE
            sys.stdout.write(f"{vectors.stem:24} torch {torch_error:.1e}  onnx {graph_error:.1e}  of the peak\n")
        for case in STORED if options.store else ():
            for path in (checkpoint(folder, case), folder / f"{case}.npz"):
                shutil.copy(path, options.store)
    sys.exit(failed)


if __name__ == "__main__":
    main()
