from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from partita.errors import ModelError, OutputError
from partita.zoo.download import download, source_of

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT and misbehaves as told: each entry of ``plan`` spoils one answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.ranges, self.released = [], [], threading.Event()
        self.content = CONTENT
        self.url = f"http://127.0.0.1:{self.server_port}/model.th"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        behaviour = server.plan.pop(0) if server.plan else "well"
        if isinstance(behaviour, int):
            self.send_error(behaviour)
        elif behaviour == "redirect":
            self.send_response(302)
            self.send_header("Location", "/elsewhere/model.th")
            self.end_headers()
        elif behaviour == "redirect to a file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        else:
            self.answer(behaviour)

    def answer(self, behaviour):
        content = self.server.content
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if behaviour == "no ranges":
            start = 0
        if start >= len(content) and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if behaviour == "corrupted":
            self.wfile.write(b"\0" * (len(content) - start))
        elif behaviour in ("truncated", "stalled"):
            self.wfile.write(content[start : start + 300_000])
            self.wfile.flush()
            if behaviour == "stalled":
                self.server.released.wait(30)
        else:
            self.wfile.write(content[start:])


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "PARTITA_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


def fetch(server, folder, **options):
    return download(server.url, folder / "model.th", **{"sha256": SHA256, "pause": 0.01, "timeout": 5, **options})


def test_a_file_arrives_whole_with_progress(server, tmp_path):
    seen = []
    path = fetch(server, tmp_path / "new", progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert [file.name for file in path.parent.iterdir()] == ["model.th"]


def test_a_file_that_is_there_is_not_downloaded(server, tmp_path):
    fetch(server, tmp_path)
    fetch(server, tmp_path, sha256=SHA256[:8])
    assert len(server.ranges) == 1
    (tmp_path / "model.th").write_bytes(b"damaged")
    assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("behaviour", ["truncated", "stalled"])
def test_a_broken_or_stalled_connection_is_resumed(server, tmp_path, behaviour):
    server.plan = [behaviour, behaviour]
    assert fetch(server, tmp_path, timeout=0.5).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-", "bytes=600000-"]


def test_an_earlier_part_is_completed(server, tmp_path):
    (tmp_path / "model.th.part").write_bytes(CONTENT[:1000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]


def test_a_server_without_ranges_sends_all(server, tmp_path):
    (tmp_path / "model.th.part").write_bytes(CONTENT[:1000])
    server.plan = ["no ranges"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_part_of_another_file_is_dropped(server, tmp_path):
    (tmp_path / "model.th.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"x"])
def test_a_part_with_nothing_missing_is_verified(server, tmp_path, part):
    """The server answers 416: there is nothing after the last byte."""
    (tmp_path / "model.th.part").write_bytes(part)
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_corrupted_file_is_refused_and_forgotten(server, tmp_path):
    server.plan = ["corrupted"]
    with pytest.raises(ModelError, match=rf"model\.th: arrived with the sha256 .* instead of {SHA256[:8]}.*deleted"):
        fetch(server, tmp_path)
    assert not (tmp_path / "model.th").exists()
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_redirect_is_followed(server, tmp_path):
    server.plan = ["redirect"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_redirect_to_a_local_file_is_not_followed(server, tmp_path):
    server.plan = ["redirect to a file"]
    with pytest.raises(ModelError, match="302"):
        fetch(server, tmp_path)


def test_a_missing_file_is_not_asked_for_again(server, tmp_path):
    server.plan = [404]
    with pytest.raises(ModelError, match=r"model\.th: the server answers 404 Not Found"):
        fetch(server, tmp_path)
    assert len(server.ranges) == 1


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.plan = [503, 429]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    server.plan = [500] * 5
    with pytest.raises(ModelError, match=r"500 Internal Server Error, 5 times in a row.*will be resumed"):
        fetch(server, tmp_path / "other")


def test_without_a_network_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("PARTITA_MIRROR", raising=False)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(ModelError, match=r"no connection to 127\.0\.0\.1 .*refused.*PARTITA_MIRROR") as caught:
        download(f"http://127.0.0.1:{port}/model.th", tmp_path / "model.th", sha256=SHA256)
    assert "\n" not in str(caught.value)


def test_a_proxy_of_the_environment_is_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    path = download("http://models.invalid/model.th", tmp_path / "model.th", sha256=SHA256, pause=0.01)
    assert path.read_bytes() == CONTENT


def test_a_mirror_replaces_the_server(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PARTITA_MIRROR", server.url.removesuffix("model.th") + "mirror/")
    assert source_of("https://models.invalid/a/model.th").endswith("/mirror/model.th")
    path = download("https://models.invalid/a/model.th", tmp_path / "model.th", sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_a_folder_is_a_mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTITA_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(ModelError, match=r"mirror/model\.th: not in the mirror"):
        download("https://models.invalid/a/model.th", tmp_path / "model.th", sha256=SHA256)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "model.th").write_bytes(CONTENT)
    path = download("https://models.invalid/a/model.th", tmp_path / "model.th", sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/model\.th: cannot be written"):
        fetch(server, tmp_path / "file")


SCRIPT = """
import sys
from pathlib import Path
from partita.zoo.download import download
download(sys.argv[1], Path(sys.argv[2]), sha256=sys.argv[3], timeout=60)
"""


def start(server, path):
    return subprocess.Popen([sys.executable, "-c", SCRIPT, server.url, str(path), SHA256], env=dict(os.environ))


def test_a_killed_download_is_resumed(server, tmp_path):
    server.plan = ["stalled"]
    process = start(server, tmp_path / "model.th")
    part = tmp_path / "model.th.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    have = part.stat().st_size
    assert 0 < have < len(CONTENT)
    assert not (tmp_path / "model.th").exists()
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={have}-"]


def test_two_processes_share_a_download(server, tmp_path):
    processes = [start(server, tmp_path / "model.th") for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert (tmp_path / "model.th").read_bytes() == CONTENT
    assert not (tmp_path / "model.th.part").exists()
