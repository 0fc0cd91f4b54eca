"""Runs of ONNX Runtime that Ctrl-C can end, however long a graph takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
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

    def run_each(self, output: str, inputs: Sequence[dict[str, Any]]) -> list[Any]:
        """Run the graph once for each of several inputs, at the same time and in the threads of the session alone.

        Args:
            output: Name of an output.
            inputs: For each run, arrays by name.

        Returns:
            The output of each run.

        Raises:
            RuntimeError: ONNX Runtime cannot run the graph.
        """
        options = self._new_options()
        started: list[Future[Any]] = []

        def finish(results: Sequence[Any], call: tuple[Future[Any], dict[str, Any]], error: str) -> None:
            future, _ = call  # the arrays are kept until here
            if error:
                future.set_exception(RuntimeError(error))
            else:
                future.set_result(results[0])

        _running.add(options)
        try:
            for arrays in inputs:
                future: Future[Any] = Future()
                self._session.run_async([output], arrays, finish, (future, arrays), options)
                started.append(future)
            return [future.result() for future in started]
        finally:
            options.terminate = True  # of those that still run if one has failed or this thread was interrupted
            wait(started)
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
