"""Model packages with random weights, to measure speed and memory: the time does not depend on the weights.

    pip install ".[export]" --constraint constraints.txt
    python benchmarks/packages.py FOLDER --against REVISION

The benchmarks make the packages they need. Run this script to make them beforehand in a folder for ``--packages``. Each
source tree exports its own packages, because their format may differ, from weights of the same seed.
"""

from __future__ import annotations

from argparse import SUPPRESS
from pathlib import Path

from measure import option_parser, report_worker, run_worker
from trees import Tree, compared_trees

SEGMENT = 10.0  # seconds

# name of the package -> architecture and configuration
RANDOM = {
    "demucs64": ("demucs", {"channels": 64}),
    "demucs64-2021": ("demucs", {"channels": 64, "resample": True}),
    "open-unmix": ("open-unmix", {}),
}


def package_of(model: str, tree: Tree, folder: Path) -> str:
    """Return what ``partita --model`` takes for a model.

    Args:
        model: A name in ``RANDOM``, whose package is exported to ``folder`` unless it is there; else the name or the
            folder of a package, returned as it is.
        tree: What exports the package.
        folder: Packages of all trees.
    """
    if model not in RANDOM:
        return model
    package = folder / tree.fingerprint / model
    if not package.exists():
        partial = package.with_name(f"{model}.partial")
        run_worker(__file__, model, str(partial), source=tree.source)
        partial.rename(package)
    return str(package)


def work(name: str, folder: Path) -> None:
    import torch

    from partita.models import build
    from partita.zoo.export import export_package

    torch.manual_seed(0)
    architecture, configuration = RANDOM[name]
    model = build(architecture, **configuration)
    facts = {"name": name, "description": "Random weights", "licence": "CC0-1.0", "segment": SEGMENT}
    export_package(model, folder, half=False, **facts)
    report_worker()


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--worker", nargs=2, metavar=("NAME", "FOLDER"), help=SUPPRESS)
    parser.add_argument("folder", type=Path, nargs="?", help="where to write")
    parser.add_argument("--models", nargs="+", default=["demucs64"], choices=RANDOM, help="packages to make")
    parser.add_argument("--against", metavar="REVISION", help="make those of this revision too")
    options = parser.parse_args()
    if options.worker:
        name, folder = options.worker
        work(name, Path(folder))
        return

    if options.folder is None:
        parser.error("name a folder")
    with compared_trees(options.against) as trees:
        for tree in trees:
            for model in options.models:
                print(f"{tree.name}: {package_of(model, tree, options.folder)}")


if __name__ == "__main__":
    main()
