from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from partita.evaluation import song_medians, summarise

NAN = math.nan


def test_median_of_frames_then_of_songs():
    songs = [[[1, 2, 9], [0, 0, 0]], [[5, 5, NAN], [1, 1, 1]], [[NAN, 3, NAN], [8, 9, 10]]]
    np.testing.assert_array_equal(song_medians(songs), [[2, 0], [5, 1], [3, 9]])
    summary = summarise([songs])
    np.testing.assert_array_equal(summary.sources, [3, 1])
    assert summary.overall == 2
    assert math.isnan(summary.overall_error)
    assert np.isnan(summary.sources_error).all()


def test_infinite_scores_do_not_count():
    np.testing.assert_array_equal(song_medians([[[1, math.inf, 3, -math.inf]]]), [[2]])


def test_a_source_that_never_sounds_has_no_score():
    songs = [[[NAN, NAN], [1, 3]], [[NAN, NAN], [NAN, NAN]]]
    np.testing.assert_array_equal(song_medians(songs), [[NAN, 2], [NAN, NAN]])
    summary = summarise([songs])
    np.testing.assert_array_equal(summary.sources, [NAN, 2])
    assert math.isnan(summary.overall)


def test_mean_and_standard_error_over_runs():
    summary = summarise([[[[1.0], [5.0]]], [[[3.0], [5.0]]], [[[5.0], [5.0]]]])
    np.testing.assert_array_equal(summary.sources, [3, 5])
    np.testing.assert_allclose(summary.sources_error, [math.sqrt(8 / 3 / 3), 0])
    assert summary.overall == 4
    assert summary.overall_error == pytest.approx(math.sqrt(2 / 3 / 3))


# files -> SDR of all, drums, bass, other, vocals; SIR, SAR and ISR of all
PAPER = {
    "irm_oracle": "8.22 8.45 7.12 7.85 9.43 15.53 8.31 14.45",
    "wave_unet": "3.23 4.22 3.21 2.25 3.25 6.26 4.49 7.45",
    "open_unmix": "5.33 5.73 5.23 4.02 6.32 10.49 5.90 10.25",
    "mmdenselstm": "6.04 6.81 5.40 4.80 7.16 12.24 6.50 11.51",
    "demucs_v1_seed*": "5.58 6.08 5.83 4.12 6.29 10.39 6.08 10.35",
    "demucs_v2_seed*": "6.28 6.86 7.01 4.42 6.84 11.93 6.54 11.21",
}
RUNS = {"demucs_v1_seed*": (5, "0.03"), "demucs_v2_seed*": (3, "0.03")}  # how many, and the error printed with all


@pytest.mark.skipif(
    "PARTITA_PAPER_SCORES" not in os.environ,
    reason="PARTITA_PAPER_SCORES does not name the folder of the paper's per-frame scores",
)
@pytest.mark.parametrize("pattern", PAPER)
def test_the_table_of_the_paper(pattern):
    files = sorted(Path(os.environ["PARTITA_PAPER_SCORES"]).glob(f"{pattern}.npz"))
    runs = []
    for file in files:
        with np.load(file) as songs:
            runs.append([songs[name] for name in songs.files])  # each (sources, frames, SDR SIR ISR SAR)
    sdr, sir, isr, sar = (summarise([[song[..., score] for song in songs] for songs in runs]) for score in range(4))
    row = [sdr.overall, *sdr.sources, sir.overall, sar.overall, isr.overall]
    assert " ".join(f"{value:.2f}" for value in row) == PAPER[pattern]
    count, error = RUNS.get(pattern, (1, "nan"))
    assert (len(runs), f"{sdr.overall_error:.2f}") == (count, error)
