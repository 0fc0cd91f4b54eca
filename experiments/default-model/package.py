"""Turn a checkpoint of the default model's run into the embedded package, and score it.

    python experiments/default-model/package.py runs/muon/checkpoints/last.ckpt \
        --valid SONGS-VALID --held-out HELD-OUT --hours 5.6 --output src/partita/zoo/packages/default

The scores are those of the package itself (16-bit weights, ONNX, default options): SDR over each whole song in
dB, mean over the songs in which the source sounds.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from partita import Separator
from partita.data import find_songs
from partita.evaluation import sdr
from partita.training import load_config, package_checkpoint
from partita.zoo.export import write_card

DEFINITION = (
    "SDR in dB, 10 log10(sum s^2 / sum (s - s')^2) over each whole excerpt, mean over the songs in which the "
    "source sounds; 3 real songs of electronic pop with sung vocals (100 s each, CC0). These songs served to "
    "choose among twenty-one checkpoints and some of the training material, so the scores are optimistic"
)
DEFINITION_SYNTHETIC = (
    "The same on the 12 synthetic songs of partita-songbook --split valid --seed 1, made of MIDI songs, drum "
    "performances, singers, kits, soundfonts and presets that were not used for training"
)
DATA = (
    "1105 songs of the songbook, 24.8 hours. Drums: the Groove MIDI performances (CC-BY-4.0), patterns and loops, "
    "played by the songbook's drum machines, soundfonts (MIT, GPL-2.0, CC-BY-SA-3.0) and Hydrogen's kits. Bass "
    "and other: composed, or from Freedoom's MIDI songs (BSD-3-Clause), played by the songbook's synthesiser, "
    "soundfonts and presets of LMMS and ZynAddSubFX (GPL-2.0); recorded guitars and phrases (MIT, CC-BY-SA-3.0, "
    "CC0, CC-BY-4.0). Vocals: singing of the PJS corpus (CC-BY-SA-4.0), vocadito (CC-BY-4.0), OLPC (CC-BY-3.0) "
    "and others, and speech synthesisers turned into singing. Also songs by 8 LMMS users (Artistic-2.0, CC-BY-SA, "
    "BSD), with balanced levels and added singing"
)
RECIPE = (
    "First run: 11947 steps of Adam on 763 of the songs, at 1e-3, with a cool-down over the last 600 steps. "
    "Second run: the steps and the configuration below, with Muon, on the other 342 songs, from the weights of "
    "the first run, which were the default model of that time (init_sha256)"
)
LIMITS = (
    "It confuses kick drum and bass: in the validation song that has bass, short notes of a sub-bass, two thirds "
    "of the amplitude of the bass come out in bass and nearly a third in drums.",
    "Other is its weakest stem: on the validation songs it keeps between a sixth and three quarters of the "
    "amplitude of the other instruments. In one of the three songs drums and vocals each hold more of them than "
    "other does, and other scores 0.17 dB less than silence.",
    "Its stems are too quiet: drums and vocals come out at half to four fifths of their amplitude. The stems add "
    "up to the mixture, so the rest is heard in the other stems.",
)


def score(package: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Return the SDR of every audible source of every song."""
    separator = Separator(package)
    scores: dict[str, dict[str, float]] = {}
    for song in find_songs([folder], separator.sources):
        stems = {name: soundfile.read(path, dtype="float32", always_2d=True) for name, path in song.stems.items()}
        rate = next(iter(stems.values()))[1]
        samples = min(audio.shape[0] for audio, _ in stems.values())
        references = {name: audio[:samples].T for name, (audio, _) in stems.items()}
        mixture = sum(references.values())
        estimates = separator.separate(np.asarray(mixture), rate)
        found = {name: float(sdr(audio[None], estimates[name][None])[0]) for name, audio in references.items()}
        scores[song.name] = {name: round(value, 2) for name, value in found.items() if not math.isnan(value)}
        print(song.name, scores[song.name])
    return scores


def summary(scores: dict[str, dict[str, float]], sources: tuple[str, ...]) -> dict[str, float]:
    """Return the mean over songs for each source, and the mean of those."""
    means = {
        source: float(np.mean([song[source] for song in scores.values() if source in song]))
        for source in sources
        if any(source in song for song in scores.values())
    }
    means["mean"] = float(np.mean(list(means.values())))
    return {name: round(value, 2) for name, value in means.items()}


def main() -> None:
    """Write the package, score it, and add the scores to its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--valid", type=Path, required=True)
    parser.add_argument("--held-out", type=Path)
    parser.add_argument("--hours", type=float, required=True, help="wall time of the training")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    run = options.checkpoint.parent.parent
    config = load_config(run / "config.toml")
    package = package_checkpoint(options.checkpoint, config, options.output)
    card = package.card
    scores = {"definition": DEFINITION, "sdr": summary(score(package.folder, options.valid), card.sources)}
    if options.held_out:
        scores["sdr_synthetic"] = summary(score(package.folder, options.held_out), card.sources)
        scores["definition_synthetic"] = DEFINITION_SYNTHETIC
    training = {
        "hours": options.hours,
        "hardware": "2 CPU cores with AMX",
        "data": DATA,
        "recipe": RECIPE,
        **card.training,
    }
    write_card(replace(card, scores=scores, training=training, limits=LIMITS), package.folder)
    print(scores)


if __name__ == "__main__":
    main()
