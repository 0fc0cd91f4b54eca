from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from partita.system.interruption import ends_within

# works until it is interrupted; "deaf": in a library that does not return, so that Python cannot raise anything;
# "slow": the interruption is raised, but then something takes long
PROGRAM = """
import hashlib, sys, time
from pathlib import Path
from partita.system.interruption import ends_within, interrupt_on_signals
from partita.system.private import private_folder

interrupt_on_signals()
what, watched, folder = sys.argv[1], sys.argv[2] == "watched", Path(sys.argv[3])

def work():
    with private_folder(folder) as private:
        (private / "half").touch()
        print("working", flush=True)
        if what == "deaf":
            hashlib.pbkdf2_hmac("sha256", b"x", b"x", 10**9)
        try:
            time.sleep(60)
        finally:
            if what == "slow":
                print("ending", flush=True)
                hashlib.pbkdf2_hmac("sha256", b"x", b"x", 10**9)

try:
    if watched:
        with ends_within(0.3, lambda: print("stopped", flush=True)):
            work()
    else:
        work()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


def run(what, folder, *numbers, watched="watched"):
    command = [sys.executable, "-c", PROGRAM, what, watched, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "working\n"
            if what == "deaf":
                time.sleep(0.5)  # until the library is called
            for number in numbers:
                process.send_signal(number)
                if what == "slow":
                    assert process.stdout.readline() in ("ending\n", "")
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "Traceback" not in err
    return process.returncode, out


@pytest.mark.parametrize("watched", ["watched", "alone"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts(tmp_path, number, watched):
    assert run("well", tmp_path, number, watched=watched) == (130, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_library_that_does_not_return_is_ended(tmp_path, number):
    assert run("deaf", tmp_path, number, number) == (130, "stopped\n")
    assert list(tmp_path.iterdir()) == []


def test_an_end_that_takes_too_long_is_ended(tmp_path):
    assert run("slow", tmp_path, signal.SIGINT, signal.SIGINT)[0] == 130
    assert list(tmp_path.iterdir()) == []


def test_without_a_signal_nothing_happens():
    handler = signal.set_wakeup_fd(-1)
    with ends_within(0.0, lambda: None):
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "partita-interruption"]
    thread.join(60)
    assert not thread.is_alive()
    assert signal.set_wakeup_fd(handler) == -1


def test_another_thread_cannot_watch():
    entered = []

    def enter():
        with ends_within(0.0, lambda: None):
            entered.append(True)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(60)
    assert entered == [True]


def test_ignored_signals_stay_ignored():
    code = (
        "import signal; from partita.system.interruption import interrupt_on_signals;"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); interrupt_on_signals();"
        "assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN; signal.raise_signal(signal.SIGHUP)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
