"""Make ``wave_unet_vectors.npz``: outputs of the published Wave-U-Net, against which ours is tested.

Needs a clone of github.com/f90/Wave-U-Net and a TensorFlow that still has tf.layers (tensorflow-cpu==2.15.1)::

    python tests/models/make_wave_unet_vectors.py PATH_OF_THE_CLONE
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

CASES = [
    {"context": True, "difference": True, "upsampling": "learned", "activation": "linear"},
    {"context": True, "difference": True, "upsampling": "linear", "activation": "tanh", "up_kernel_size": 3},
    {"context": True, "difference": False, "upsampling": "linear", "activation": "tanh", "audio_channels": 1},
    {"context": True, "difference": True, "upsampling": "learned", "activation": "tanh", "output_kernel_size": 3},
    {"context": False, "difference": False, "upsampling": "linear", "activation": "tanh"},
    {"context": False, "difference": True, "upsampling": "learned", "activation": "linear", "up_kernel_size": 1},
]
KERNELS = {"kernel_size": 15, "up_kernel_size": 5, "output_kernel_size": 1}
SMALL = {"levels": 3, "filters": 4, "audio_channels": 2, **KERNELS}
SOURCES = ["drums", "bass", "other", "vocals"]

# The paper's variants that differ in their number of parameters (sources and sample rate are ours)
FULL = [
    {"context": False, "difference": False, "upsampling": "linear", "audio_channels": 1, "sources": SOURCES[2:]},  # M1
    {"context": True, "difference": True, "upsampling": "learned", "audio_channels": 2, "sources": SOURCES[2:]},  # M5
    {"context": True, "difference": True, "upsampling": "linear", "audio_channels": 2},  # M6
    {"context": True, "difference": True, "upsampling": "learned", "audio_channels": 2},
]
SAMPLES = 200  # at least, of an output


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return weights that a test can make again from names and shapes alone, of a size that keeps signals alive."""
    rng = np.random.default_rng(0)
    return {
        name: (rng.uniform(-1, 1, shape) * (6 / np.prod(shape[1:])) ** 0.5).astype(np.float32)
        if name.endswith("weight")
        else rng.uniform(-0.5, 0.5, shape).astype(np.float32)
        for name, shape in sorted(shapes.items())
    }


def mixture(channels: int, samples: int) -> np.ndarray:
    """Return the input ``(1, channels, samples)``."""
    return np.random.default_rng(1).uniform(-1, 1, (1, channels, samples)).astype(np.float32)


def published_config(case: dict) -> dict:
    """Return a case in the words of the published code."""
    case = {"levels": 12, "filters": 24, **KERNELS, **case}
    return {
        "num_layers": case["levels"],
        "num_initial_filters": case["filters"],
        "filter_size": case["kernel_size"],
        "input_filter_size": case["kernel_size"],
        "merge_filter_size": case["up_kernel_size"],
        "output_filter_size": case["output_kernel_size"],
        "upsampling": case["upsampling"],
        "output_type": "difference" if case["difference"] else "direct",
        "context": case["context"],
        "source_names": case.get("sources", SOURCES),
        "mono_downmix": case["audio_channels"] == 1,
        "output_activation": case.get("activation", "tanh"),
    }


def our_names(variables: list, config: dict) -> list[tuple[str, int]]:
    """Return our name of each TensorFlow variable, and which source it belongs to in the output's convolution."""
    levels = config["num_layers"]
    names = []
    for variable in variables:
        name = variable.name.removeprefix("separator/").removesuffix(":0")
        layer, kind = name.split("_" if name.startswith("interp") else "/")
        if layer == "interp":
            names.append((f"upsample.{kind}.balance", 0))
            continue
        index = int(layer.removeprefix("conv1d").removeprefix("_") or 0)
        kind = {"kernel": "weight", "bias": "bias"}[kind]
        if index <= levels:
            names.append((f"down.{index}.{kind}", 0))
        elif index <= 2 * levels:
            names.append((f"up.{index - levels - 1}.{kind}", 0))
        else:
            names.append((f"output.{kind}", index - 2 * levels - 1))
    return names


def build(tf: types.ModuleType, case: dict, samples: int) -> tuple:
    """Return placeholder, outputs by source, variables and the published configuration."""
    from Models.UnetAudioSeparator import UnetAudioSeparator

    tf.reset_default_graph()
    config = published_config(case)
    separator = UnetAudioSeparator(config)
    multiple = 2 ** config["num_layers"]
    samples = samples if config["context"] else -(-samples // multiple) * multiple
    shape, _ = separator.get_padding(np.array([1, samples, case["audio_channels"]]))
    placeholder = tf.placeholder(tf.float32, [int(size) for size in shape])
    outputs = separator.get_output(placeholder, training=True, reuse=False)  # training: nothing is clipped
    return placeholder, outputs, tf.trainable_variables(), config


def main() -> None:
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    sys.modules.update({"tensorflow": tf, "librosa": types.ModuleType("librosa")})
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.check_output(["git", "-C", sys.argv[1], "archive", "HEAD", "Models", "Utils.py"])
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        sys.path.insert(0, folder)

        arrays = {}
        for index, case in enumerate({**SMALL, **case} for case in CASES):
            placeholder, outputs, variables, config = build(tf, case, SAMPLES)
            names = our_names(variables, config)
            shapes: dict[str, tuple[int, ...]] = {}
            for (name, source), variable in zip(names, variables, strict=True):
                *rest, size = variable.shape.as_list()
                shapes[name] = (size * (source + 1), *([1] if "balance" in name else rest[::-1]))
            values = weights(shapes)
            with tf.Session() as session:
                for (name, source), variable in zip(names, variables, strict=True):
                    size = variable.shape.as_list()[-1]
                    value = values[name][source * size : (source + 1) * size]
                    variable.load(value.T if value.ndim == 3 else value.reshape(-1), session)
                channels, samples = case["audio_channels"], placeholder.shape[1]
                feed = {placeholder: mixture(channels, samples).transpose(0, 2, 1)}
                found = session.run([outputs[source] for source in config["source_names"]], feed)
            arrays[f"output_{index}"] = np.stack([stem.transpose(0, 2, 1) for stem in found], axis=1)
            arrays[f"case_{index}"] = json.dumps({"samples": int(samples), "configuration": case})
        facts = []
        for case in FULL:
            placeholder, outputs, variables, _ = build(tf, case, 16384)
            parameters = sum(int(np.prod(variable.shape.as_list())) for variable in variables)
            samples = [int(placeholder.shape[1]), int(next(iter(outputs.values())).shape[1])]
            facts.append({"configuration": case, "parameters": parameters, "samples": samples})
        arrays["full"] = json.dumps(facts)
    np.savez_compressed(Path(__file__).with_name("wave_unet_vectors.npz"), **arrays)


if __name__ == "__main__":
    main()
