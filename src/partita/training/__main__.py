"""``python -m partita.training JOB.json``: the process started by :func:`partita.training.train_in_process`."""

from __future__ import annotations

import sys
from pathlib import Path

from partita.training.process import run_job

if __name__ == "__main__":
    sys.exit(run_job(Path(sys.argv[1])))
