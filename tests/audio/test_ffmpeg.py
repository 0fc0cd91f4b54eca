from __future__ import annotations

import socket

import numpy as np
import pytest

from partita.audio import AudioReader
from partita.audio.ffmpeg import open_container, probe
from partita.errors import AudioError

# what an audio file may be replaced with: a list that has FFmpeg read other files, or listen on the network
PLAYLISTS = {
    "concat": "ffconcat version 1.0\nfile '{secret}'\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
    "hls of http": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'mimeType="audio/mp4"><Representation id="1"><BaseURL>{secret}</BaseURL><SegmentBase/></Representation>'
    "</AdaptationSet></Period></MPD>",
    "pls": "[playlist]\nFile1={secret}\nNumberOfEntries=1\n",
    "rtsp": "rtsp://127.0.0.1:{port}/a\n",
    "ffmetadata": ";FFMETADATA1\ntitle=x\n",
    "picture": "P6\n1 1\n255\nabc",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_lists_of_other_files_are_refused(kind, tmp_path, write_av, music):
    secret = write_av("secret.m4a", music(44100), 44100, "aac")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        text = PLAYLISTS[kind].format(secret=secret, port=server.getsockname()[1])
        for name in ("song.wav", "song.mp3", "song.m3u8"):
            path = tmp_path / name
            path.write_text(text)
            with pytest.raises(AudioError, match=r"give the files in it|not an audio file that can be read"):
                AudioReader(path)
            path.write_text("\n \n" + text)  # not recognised by its first bytes
            with pytest.raises(AudioError, match=r"not an audio file that can be read|give the files in it"):
                probe(path, None)
        with pytest.raises(BlockingIOError):  # nothing has connected
            server.accept()


@pytest.mark.parametrize("demuxer", ["concat", "hls", "sdp", "image2", "lavfi"])
def test_demuxers_that_are_not_on_the_list(demuxer, music, write_av):
    import av

    path = write_av("song.m4a", music(4410), 44100, "aac")
    with pytest.raises((av.FFmpegError, ValueError)):
        open_container(path, demuxer)


@pytest.mark.parametrize("name", ["song.m4a", "song.mka"])
def test_a_codec_that_ffmpeg_does_not_know(name, music, write_av):
    path = write_av(name, music(44100), 44100, "aac")
    content = path.read_bytes()
    assert b"mp4a" in content or b"A_AAC" in content
    for known, unknown in ((b"mp4a", b"zzzz"), (b"esds", b"zzzz"), (b"A_AAC", b"A_ZZZ")):
        content = content.replace(known, unknown)
    path.write_bytes(content)
    with pytest.raises(AudioError, match=rf"{name}: FFmpeg does not know the codec of its sound; convert it"):
        AudioReader(path)


def test_a_stream_that_becomes_absurdly_slow(music, write_av, monkeypatch):
    """Frames whose header states a rate beyond the limits are left out: at 1 Hz each second of them is an hour."""
    path = write_av("song.m4a", music(3 * 44100), 44100, "aac")
    from partita.audio import ffmpeg

    frames = ffmpeg._frames

    def slowed(*arguments):
        for index, frame in enumerate(frames(*arguments)):
            if index == 20:
                frame.sample_rate = 1
            yield frame

    monkeypatch.setattr(ffmpeg, "_frames", slowed)
    reader = AudioReader(path)
    samples = sum(block.shape[1] for block in reader.blocks())
    assert 0 < 3 * 44100 - samples <= 2048
    assert reader.warnings == [f"{path}: the file is damaged; the damaged parts were left out"]
    assert np.isfinite(samples)
