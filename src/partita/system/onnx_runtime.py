"""ONNX Runtime without its telemetry; everything in partita imports it from here.

Builds of ONNX Runtime (1.32, for one) write an identifier and a database below the user's home and send events to a
server, unless this environment variable is set before the library is loaded. A program that imports onnxruntime before
partita has to set it itself.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
