from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita.errors import AudioError, ConfigError
from partita.options import DEFAULT_FILENAME
from partita.separation import OutputFields, OutputOptions, find_inputs, plan_jobs, without_earlier_outputs

SOURCES = ("drums", "bass", "other", "vocals")


def names(paths, **options):
    return [item if isinstance(item, AudioError) else item[1].as_posix() for item in find_inputs(paths, **options)]


def test_folders_give_their_audio_files(tmp_path):
    for name in ("b.mp3", "a.flac", "cover.jpg", ".hidden.wav", "deep/c.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names([tmp_path]) == ["a.flac", "b.mp3"]
    assert names([tmp_path], recursive=True) == ["a.flac", "b.mp3", "deep/c.wav"]
    assert names([tmp_path / "notes.txt"]) == ["notes.txt"]  # a file that is named is tried


def test_a_missing_file_is_known_at_once(tmp_path):
    (error,) = names([tmp_path / "missing.mp3"])
    assert "no such file" in str(error)


def test_the_output_folder_is_not_searched(tmp_path):
    for name in ("a.wav", "out/default/a/drums.wav", "album/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert names([tmp_path], recursive=True, skip=tmp_path / "out") == ["a.wav", "album/b.wav"]
    assert names([tmp_path / "out"], recursive=True, skip=tmp_path / "out") == ["default/a/drums.wav"]


@pytest.mark.parametrize("filename", [DEFAULT_FILENAME, "{track}_{stem}.{ext}", "{stem}/{track}.{trackext}.{ext}"])
@given(
    tracks=st.sets(st.text("abc.", min_size=1, max_size=4).filter(lambda name: name.strip(".")), min_size=1),
    model=st.sampled_from(["default", "other-model"]),
    folder=st.sampled_from(["", "stems/", "deep/stems/"]),
)
def test_what_an_earlier_run_wrote_is_left_out(filename, tracks, model, folder):
    options = OutputOptions(filename=filename, residual=True)
    inputs = [(Path("/in", f"{track}.mp3"), Path(f"{track}.mp3")) for track in sorted(tracks)]
    jobs = plan_jobs(inputs, Path("/in", folder), model, SOURCES, options)
    written = [path for job in jobs for path in job.outputs.values()]
    found = [*inputs, *((path, path.relative_to("/in")) for path in written)]
    assert without_earlier_outputs(found, SOURCES, options) == inputs


def test_songs_that_look_like_stems_of_nothing_are_kept():
    files = [Path("album/song/vocals.wav"), Path("x/y/drums.wav"), Path("drums.wav")]
    inputs = [(Path("/in") / file, file) for file in files]
    assert without_earlier_outputs(inputs, SOURCES, OutputOptions()) == inputs


def test_keyword_arguments_are_the_fields():
    assert set(OutputFields.__annotations__) == set(OutputOptions.__dataclass_fields__)


def test_a_folder_without_audio_is_an_error(tmp_path):
    (error,) = names([tmp_path])
    assert "no audio file" in str(error)


def plan(*paths, folder=Path("/out"), **options):
    return plan_jobs([(Path(p), Path(Path(p).name)) for p in paths], folder, "m", SOURCES, OutputOptions(**options))


@pytest.mark.parametrize(
    ("name", "track"),
    [
        ("song.mp3", "song"),
        ("a.b.c.flac", "a.b.c"),
        ("-o.wav", "-o"),
        ("🎸 naïve.ogg", "🎸 naïve"),
        ("...mp3", "_.."),
        ("..wav", "_."),
        ("{stem}.wav", "{stem}"),
    ],
)
def test_tracks_are_named_after_their_files(name, track):
    (job,) = plan(f"/in/{name}")
    path = job.outputs["drums"]
    assert path.parts[:3] == ("/", "out", "m")
    assert path.parts[3] == track


@pytest.mark.parametrize(
    "paths", [("/a/song.mp3", "/b/song.mp3"), ("/a/song.mp3", "/a/song.wav"), ("/a/é.wav", "/b/e\u0301.wav")]
)
def test_two_inputs_for_one_output_are_refused(paths):
    with pytest.raises(ConfigError, match="would both become"):
        plan(*paths)


def test_inputs_told_apart_by_suffix():
    assert len(plan("/a/song.mp3", "/a/song.wav", filename="{track}.{trackext}/{stem}.{ext}")) == 2


def test_the_same_input_twice_is_one_job():
    assert len(plan("/a/song.mp3", "/a/song.mp3")) == 1


def test_an_output_never_replaces_an_input():
    with pytest.raises(ConfigError, match="replace an input"):
        plan("/m/song/drums.wav", folder=Path("/"), filename="m/song/{stem}.{ext}")


@pytest.mark.parametrize("link", ["..", "symlink", "folder", "hard"])
def test_an_input_is_recognised_by_any_of_its_names(tmp_path, link):
    song = tmp_path / "in" / "song.wav"
    song.parent.mkdir()
    song.write_bytes(b"song")
    out = tmp_path / "out"
    name = out / "drums.wav"
    if link == "..":
        out = tmp_path / "elsewhere" / ".." / "in" / ".." / "in"
        song = song.rename(song.with_name("drums.wav"))
    elif link == "folder":
        out.symlink_to(song.parent)
        song = song.rename(song.with_name("drums.wav"))
    else:
        out.mkdir()
        name.symlink_to(song) if link == "symlink" else name.hardlink_to(song)
    with pytest.raises(ConfigError, match="would replace an input"):
        plan(song, folder=out, filename="{stem}.{ext}")


@pytest.mark.parametrize(
    ("name", "filename"), [("song", "{trackext}/{track}/{stem}.{ext}"), ("song", "{trackext}../{stem}.{ext}")]
)
def test_what_a_template_becomes_stays_below_the_folder(name, filename):
    plan("/in/song.mp3", filename=filename)
    with pytest.raises(ConfigError, match=rf"/in/{name}: its output .* would lie outside /out"):
        plan(f"/in/{name}", filename=filename)


@pytest.mark.parametrize(("model", "sources"), [("../../m", SOURCES), ("m", ("../../../victim", "b")), ("/m", SOURCES)])
def test_no_name_of_a_model_leads_out_of_the_folder(tmp_path, model, sources):
    with pytest.raises(ConfigError, match="would lie outside"):
        plan_jobs([(Path("/in/a.wav"), Path("a.wav"))], tmp_path / "o" / "ut", model, sources, OutputOptions())


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "inside").mkdir()
    (out / "m").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match=r"would lie outside .*remove the link"):
        plan("/in/a.wav", folder=out)
    (out / "m").unlink()
    (out / "m").symlink_to(out / "inside")
    assert plan("/in/a.wav", folder=out)
    (tmp_path / "link").symlink_to(out)
    assert plan("/in/a.wav", folder=tmp_path / "link")  # the folder itself may be one


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "aiff"}, "format"),
        ({"bits": "8"}, "bits"),
        ({"format": "flac", "bits": "32f"}, "bits"),
        ({"stems": ("drums",), "two_stems": "drums"}, "two_stems"),
        ({"sample_rate": 1}, "sample_rate"),
        ({"stems": "drums"}, "tuple"),
        ({"format": "mp3", "bitrate": 1}, "bitrate"),
        ({"format": "wav", "bitrate": 128}, "bitrate"),
        ({"format": "ogg", "vbr": 11}, "vbr: ogg supports 0 to 10, not 11"),
        ({"filename": "{track}.{ext}"}, "stem"),
        ({"filename": "{artist}/{stem}"}, "filename"),
        ({"filename": "{0}{stem}"}, "filename"),
        ({"filename": "{}{stem}"}, "filename"),
        ({"filename": "{stem.x}"}, "filename"),
        ({"filename": "{stem[0]}"}, "filename"),
        ({"filename": "{stem!r}"}, "filename"),
        ({"filename": "{stem:>1000000000}"}, "filename"),
        ({"filename": "{stem:{track}}"}, "filename"),
        ({"filename": "{stem"}, "filename: '{stem' is not a template"),
        ({"sample_rate": 44100.0}, "sample_rate"),
        ({"sample_rate": float("nan")}, "sample_rate"),
        ({"sample_rate": 10**15}, "sample_rate"),
        ({"sample_rate": True}, "sample_rate"),
        ({"filename": "/{stem}"}, "below"),
        ({"filename": "../{stem}"}, "below"),
    ],
)
def test_invalid_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        OutputOptions(**options)


def test_a_stem_the_model_does_not_have():
    with pytest.raises(ConfigError, match="not 'guitar'"):
        plan("/a/song.mp3", stems=("guitar",))


def test_a_stem_called_residual_beside_the_residual():
    sources = ("vocals", "residual")
    assert OutputOptions().names(sources) == sources
    with pytest.raises(ConfigError, match="residual: the model has a stem of the name 'residual' already"):
        OutputOptions(residual=True).names(sources)
