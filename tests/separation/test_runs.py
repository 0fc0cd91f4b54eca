from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from partita.separation.runs import EndableSession, model_threads
from partita.system.onnx_runtime import onnxruntime


@pytest.fixture
def endless(tmp_path):
    """A graph whose loop ends after 2**62 rounds."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["goes_on"]), helper.make_node("Sin", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]),
        ],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["rounds", "going", "x"], ["y"], body=body)],
        "endless",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [
            helper.make_tensor("rounds", TensorProto.INT64, [], [2**62]),
            helper.make_tensor("going", TensorProto.BOOL, [], [True]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "endless.onnx"
    onnx.save(model, path)
    return path


ENDLESS = """
import sys, threading
import numpy as np
from partita.separation.runs import EndableSession, model_threads
from partita.system.onnx_runtime import onnxruntime
session = EndableSession(onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"]))
try:
    with model_threads(2) as pool:
        running = [pool.submit(session.run, None, {"x": np.zeros(1, np.float32)}) for _ in range(3)]
        print("running", flush=True)
        running[0].result()
except KeyboardInterrupt:
    print("ended", threading.active_count(), flush=True)
"""


EACH = """
import sys, threading
import numpy as np
from partita.separation.runs import EndableSession
from partita.system.onnx_runtime import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 3
session = EndableSession(onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"]))
print("running", flush=True)
try:
    session.run_each("y", [{"x": np.zeros(1, np.float32)}] * 3)
except KeyboardInterrupt:
    print("ended", threading.active_count(), flush=True)
"""


@pytest.mark.parametrize("script", [ENDLESS, EACH])
def test_an_endless_graph_is_ended_by_an_interruption(endless, script):
    command = [sys.executable, "-c", script, endless]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "running\n"
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "ended 1\n")
    assert "Traceback" not in err


def test_results_are_those_of_the_session(endless, tmp_path):
    model = onnx.load(endless)
    model.graph.initializer[0].CopyFrom(helper.make_tensor("rounds", TensorProto.INT64, [], [2]))
    onnx.save(model, tmp_path / "short.onnx")
    session = EndableSession(onnxruntime.InferenceSession(tmp_path / "short.onnx", providers=["CPUExecutionProvider"]))
    (result,) = session.run(["y"], {"x": np.ones(1, np.float32)})
    assert result == pytest.approx(np.sin(np.sin(1)))


def test_other_exceptions_wait_for_what_is_running():
    done = threading.Event()

    def fail():
        with model_threads(1) as pool:
            pool.submit(lambda: (time.sleep(0.05), done.set()))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert done.is_set()
