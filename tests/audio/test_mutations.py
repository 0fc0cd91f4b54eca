"""Mutated files of every container: only PartitaErrors come out, in bounded time and memory.

A few hundred mutations are made; the environment variable PARTITA_MUTATIONS makes it more, 100000 for example.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.audio import mutations

COUNT = int(os.environ.get("PARTITA_MUTATIONS", "320"))
BY_SOUNDFILE = {
    "a.wav": {"subtype": "PCM_16"},
    "b.wav": {"subtype": "FLOAT"},
    "c.wav": {"subtype": "IMA_ADPCM"},
    "d.rf64": {"format": "RF64", "subtype": "PCM_16"},
    "e.w64": {"subtype": "PCM_16"},
    "f.aiff": {"subtype": "PCM_16"},
    "g.caf": {"subtype": "PCM_16"},
    "h.au": {"subtype": "PCM_16"},
    "i.flac": {"subtype": "PCM_16"},
    "j.ogg": {},
    "k.opus": {"format": "OGG", "subtype": "OPUS"},
    "l.mp3": {},
}
BY_AV = {
    "m.m4a": ("aac", {}),
    "n.m4a": ("alac", {}),
    "o.aac": ("aac", {"container": "adts"}),
    "p.wma": ("wmav2", {}),
    "q.ac3": ("ac3", {}),
    "r.mka": ("flac", {}),
    "s.mp4": ("aac", {"picture": True}),
    "t.wv": ("wavpack", {}),
}
PARTS = 4  # of the corpus, one a test


@pytest.fixture
def corpus(tmp_path, music, write_av):
    folder = tmp_path / "corpus"
    folder.mkdir()
    block = music(12000, 48000)
    for name, kind in BY_SOUNDFILE.items():
        soundfile.write(folder / name, block.T, 48000, **kind)
    for name, (codec, options) in BY_AV.items():
        write_av(name, block, 48000, codec, **options).rename(folder / name)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and limits of memory")
@pytest.mark.parametrize("part", range(PARTS))
def test_only_our_errors_come_out_of_mutated_files(corpus, part, convolutional):
    names = sorted(path.name for path in corpus.iterdir())
    each = max(1, COUNT // len(names))
    for index, name in enumerate(names):
        if index % PARTS != part:
            (corpus / name).unlink()
    limit = 120 + each * len(names) // PARTS  # seconds
    command = [sys.executable, mutations.__file__, corpus, "0", str(each), convolutional.folder]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, errors="replace", timeout=limit)
    last = result.stdout.splitlines()[-1:]
    assert result.returncode == 0, f"mutation {last}: exit code {result.returncode}\n{result.stderr[-4000:]}"
    assert last == ["evaluation"]
    assert len(result.stdout.splitlines()) == each * len(list(corpus.iterdir())) + 1


def test_mutations_are_reproducible(corpus):
    once, again = (list(mutations.mutations(corpus, 0, 2)) for _ in range(2))
    assert once == again
    assert len({content for *_, content in once}) > len(once) // 2
    assert Path(mutations.__file__).name == "mutations.py"
