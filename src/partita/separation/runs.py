"""Runs of ONNX Runtime that Ctrl-C can end, however long a graph takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

__all__ = ["EndableSession", "model_threads"]

_running: set[Any] = set()  # the options of the runs in progress


class EndableSession:
    """A session whose runs can be ended.

    Args:
        session: ONNX Runtime's ``InferenceSession``.
    """

    def __init__(self, session: Any) -> None:
        from partita.system.onnx_runtime import onnxruntime

        self._session = session
        self._new_options = onnxruntime.RunOptions

    def run(self, outputs: Sequence[str] | None, inputs: dict[str, Any]) -> list[Any]:
        """Run the graph, as the session does.

        Args:
            outputs: Names of the outputs; all by default.
            inputs: Arrays by name.
        """
        options = self._new_options()
        _running.add(options)
        try:
            results: list[Any] = self._session.run(outputs, inputs, options)
            return results
        finally:
            _running.discard(options)


@contextmanager
def model_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of threads for a model to run in, while the main thread waits where it can be interrupted.

    :class:`KeyboardInterrupt` ends all runs of the process; otherwise the end of the block waits for those in the pool.

    Args:
        count: Number of threads.
    """
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for options in list(_running):
                options.terminate = True
            raise
