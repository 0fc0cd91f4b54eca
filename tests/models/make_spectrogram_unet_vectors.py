"""Make ``spectrogram_unet_vectors.npz``: outputs of Spleeter's model, against which ours is tested.

Needs a clone of github.com/deezer/spleeter and the package tensorflow (2.15)::

    python tests/models/make_spectrogram_unet_vectors.py PATH_OF_THE_CLONE
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np

SOURCES = ("vocals", "rest")
FILTERS = (2, 3, 4, 5, 6, 7)
N_FFT, HOP, BINS, FRAMES = 256, 64, 64, 64
SAMPLES = FRAMES * HOP - N_FFT  # all its frames, and a frame of silence before it, make one segment
CASES = [  # ours, for the parameters of the published configuration
    {"elu": False, "extension": "average", "ratio_exponent": 2.0},
    {"elu": True, "extension": "zeros", "ratio_exponent": 1.0},
]


def weights(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Return weights that a test can make again, from the shapes in the order of the published layers."""
    rng = np.random.default_rng(0)
    return [rng.uniform(-0.35, 0.35, shape).astype(np.float32) for shape in shapes]


def waveform() -> np.ndarray:
    """Return the input ``(2, SAMPLES)``."""
    return np.random.default_rng(1).normal(0, 0.3, (2, SAMPLES)).astype(np.float32)


def run_case(case: dict[str, object], arrays: dict[str, np.ndarray], index: int) -> None:
    import tensorflow as tf
    from spleeter.model import EstimatorSpecBuilder

    activation = {"conv_activation": "ELU", "deconv_activation": "ELU"} if case["elu"] else {}
    parameters = {
        "mix_name": "mix",
        "instrument_list": SOURCES,
        "n_channels": 2,
        "T": FRAMES,
        "F": BINS,
        "frame_length": N_FFT,
        "frame_step": HOP,
        "separation_exponent": case["ratio_exponent"],
        "mask_extension": case["extension"],
        "model": {"type": "unet.unet", "params": {"conv_n_filters": list(FILTERS), **activation}},
    }
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        builder = EstimatorSpecBuilder({"waveform": tf.constant(waveform().T)}, parameters)
        outputs = builder.outputs
        # of each network's 12 normalisations the sixth leads nowhere
        unused = {f"batch_normalization{suffix}" for suffix in ("_5", "_17")}
        variables = [v for v in tf.compat.v1.global_variables() if v.name.split("/")[0] not in unused]
        session.run(tf.compat.v1.global_variables_initializer())
        for variable, value in zip(variables, weights([tuple(v.shape) for v in variables]), strict=True):
            shifted = variable.name.split("/")[-1].startswith(("gamma", "moving_variance"))
            session.run(tf.compat.v1.assign(variable, value + 1 if shifted else value))
        spectrograms, stems = session.run([builder.model_outputs, outputs])
    arrays[f"network_{index}"] = spectrograms[f"{SOURCES[0]}_spectrogram"][0].transpose(2, 0, 1)
    arrays[f"stems_{index}"] = np.stack([stems[source].T for source in SOURCES])


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    sys.modules.setdefault("pandas", types.ModuleType("pandas"))  # reads the lists of songs
    sys.modules["pandas"].__dict__.setdefault("DataFrame", None)
    import tensorflow as tf
    from spleeter.model.functions.unet import apply_unet

    spectrogram = tf.keras.Input((512, 1024, 2))
    network = tf.keras.Model(spectrogram, apply_unet(spectrogram))
    arrays = {"parameters": np.array(sum(int(tf.size(weight)) for weight in network.trainable_weights))}
    for index, case in enumerate(CASES):
        run_case(case, arrays, index)
    np.savez_compressed(Path(__file__).with_name("spectrogram_unet_vectors.npz"), **arrays)


if __name__ == "__main__":
    main()
