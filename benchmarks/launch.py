"""Run a command and print its wall time, processor time and peak memory as JSON.

    python -I -S benchmarks/launch.py COMMAND...

The operating system counts the memory of the process that starts a command as the command's own until it is replaced.
This script imports next to nothing, so its few megabytes never exceed the peak of what it runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

MIB = 2**20


def main() -> None:
    began = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    facts = {
        "seconds": elapsed,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": round(peak / MIB),
    }
    print(json.dumps(facts))
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
