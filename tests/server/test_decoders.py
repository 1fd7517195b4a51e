"""Laws of decoding: the sound that the library reads, or a reason in one line that tells no path; and always another
process for the next file, whatever became of the last one."""

import asyncio
import os
import signal
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emobridge.audio.load import load_audio, probe
from emobridge.errors import AudioError, EmobridgeError
from emobridge.server.processes import decoders as module
from emobridge.server.processes.decode_messages import Decoded, Wanted, outputs, sound_file
from emobridge.server.processes.decoders import Decoders, LimitError
from emobridge.server.processes.messages import ServiceFault

RATE_HZ = 16_000
MONO = Wanted((RATE_HZ,))
LIMITS: dict[str, Any] = {
    "count": 1,
    "memory_bytes": 2**30,
    "time_limit_s": 20.0,
    "max_duration_s": 3_600.0,
    "max_channels": 8,
    "max_pcm_bytes": 2**28,
}

Run = Callable[..., Any]


@asynccontextmanager
async def decoding(**limits: object) -> AsyncIterator[Decoders]:
    decoders = Decoders(**(LIMITS | limits))
    await decoders.start()
    try:
        yield decoders
    finally:
        await decoders.stop()


@pytest.fixture(scope="module")
def decoders(run: Run) -> Decoders:
    shared = Decoders(**LIMITS)
    run(shared.start())
    yield shared
    run(shared.stop())


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "pcm"
    folder.mkdir()
    return folder


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.wav"
    soundfile.write(path, sound(1.0, 2), 22_050)
    return path


def sound(seconds: float, channels: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(0, 0.1, (round(seconds * 22_050), channels)).astype(np.float32)


def wav(data_bytes: int, content: bytes = b"", channels: int = 1, rate_hz: int = 8_000) -> bytes:
    """Return a 16-bit file whose header declares ``data_bytes`` of samples."""
    align = 2 * channels % 2**16
    layout = struct.pack("<IHHIIHH", 16, 1, channels, rate_hz, rate_hz * align % 2**32, align, 16)
    return b"".join(
        [
            b"RIFF",
            struct.pack("<I", 36 + data_bytes),
            b"WAVEfmt ",
            layout,
            b"data",
            struct.pack("<I", data_bytes),
            content,
        ]
    )


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("channels", [None, 2, "all"])
def test_decoded_sound_is_what_the_library_reads(
    decoders: Decoders, run: Run, tmp_path: Path, into: Path, name: str, channels: Any
) -> None:
    path = tmp_path / name
    soundfile.write(path, sound(3.0, 2), 22_050)
    wanted = Wanted((RATE_HZ, 8_000), channels)
    decoded = run(decoders.decode(path, into, wanted, name))
    assert decoded == Decoded(into, probe(path).duration_s, 2)
    files = outputs(wanted, 2)
    assert {each.name for each in into.iterdir()} == {sound_file(into, *each).name for each in files}
    for rate_hz, channel in files:
        content = np.fromfile(sound_file(into, rate_hz, channel), "<f4")
        assert np.array_equal(content, load_audio(path, sample_rate_hz=rate_hz, channel=channel))


BAD = {
    "empty": b"",
    "no sound": b"no sound at all\n" * 99,
    "header of ten hours": wav(36_000 * 16_000, bytes(1_000)),
    "header without sound": wav(0),
    "65535 channels": wav(2**20, bytes(2**20), channels=65_535),
    "no channels": wav(1_000, bytes(1_000), channels=0),
    "no rate": wav(1_000, bytes(1_000), rate_hz=0),
    "rate of 4 GHz": wav(1_000, bytes(1_000), rate_hz=2**32 - 1),
    "cut mp4": b"\0\0\0\x18ftypmp42" + bytes(200),
    "cut matroska": b"\x1a\x45\xdf\xa3" + b"\xff" * 200,
    "flac of nothing": b"fLaC" + bytes(300),
    "ogg of nothing": b"OggS" + bytes(300),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_is_no_recording_is_refused_in_one_line_without_a_path(
    decoders: Decoders, run: Run, tmp_path: Path, into: Path, content: bytes
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    with pytest.raises(EmobridgeError, match=r"stranger\.wav") as caught:
        run(decoders.decode(path, into, MONO, "stranger.wav"))
    assert isinstance(caught.value, AudioError | LimitError)
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_channel_that_is_not_there_is_named(decoders: Decoders, run: Run, good: Path, into: Path) -> None:
    with pytest.raises(AudioError, match=r"channel 3 of 'x\.wav'; its channels are 1 to 2"):
        run(decoders.decode(good, into, Wanted((RATE_HZ,), 3), "x.wav"))


def test_ten_hours_are_too_long_and_no_sample_of_them_is_read(
    decoders: Decoders, run: Run, tmp_path: Path, into: Path
) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav(36_000 * 16_000))
    os.truncate(path, 44 + 36_000 * 16_000)  # a hole, which takes no place
    with pytest.raises(LimitError, match="too long; at most 3600 s") as caught:
        run(decoders.decode(path, into, MONO, "long.wav"))
    assert caught.value.limit == "duration"
    assert not list(into.iterdir())


@pytest.mark.parametrize(
    ("limit", "limits", "wanted"),
    [
        ("duration", {"max_duration_s": 0.9}, MONO),
        ("channels", {"max_channels": 1}, MONO),
        ("size", {"max_pcm_bytes": 60_000}, MONO),
        ("size", {"max_pcm_bytes": 100_000}, Wanted((RATE_HZ,), "all")),
        ("memory", {"memory_bytes": 2**27}, Wanted((192_000,))),
    ],
)
def test_what_goes_beyond_a_limit_is_refused_and_the_next_file_is_decoded(
    run: Run, tmp_path: Path, into: Path, limit: str, limits: dict[str, Any], wanted: Wanted
) -> None:
    path = tmp_path / "much.wav"
    soundfile.write(path, sound(60.0 if limit == "memory" else 1.0, 2), 22_050)
    brief = tmp_path / "brief.wav"
    soundfile.write(brief, sound(0.5, 1), 22_050)
    again = tmp_path / "again"
    again.mkdir()

    async def both() -> Decoded:
        async with decoding(**limits) as decoders:
            with pytest.raises(LimitError, match=r"much\.wav") as caught:
                await decoders.decode(path, into, wanted, "much.wav")
            assert caught.value.limit == limit
            assert sum(each.stat().st_size for each in into.iterdir()) <= limits.get("max_pcm_bytes", 2**30)
            return await decoders.decode(brief, again, MONO, "brief.wav")

    assert run(both()).duration_s == 0.5


def test_words_that_take_too_much_memory_are_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text('{"segments": [' + '{"text": "a", "start": 0.0, "end": 1.0},' * 200_000 + "0]}", encoding="utf-8")

    async def read() -> None:
        async with decoding(memory_bytes=2**27) as decoders:
            with pytest.raises(LimitError) as caught:
                await decoders.read(path, None, "x")
            assert caught.value.limit == "memory"

    run(read())


@pytest.mark.parametrize("how", ["time", "death", "cancelled"])
def test_a_process_that_hangs_or_dies_is_replaced(
    run: Run, good: Path, tmp_path: Path, into: Path, is_running: Callable[[int], bool], how: str
) -> None:
    async def decode_twice() -> Decoded:
        async with decoding(time_limit_s=1.0) as decoders:
            (pid,) = decoders.pids
            os.kill(pid, signal.SIGSTOP)
            task = asyncio.create_task(decoders.decode(good, into, MONO, "x.wav"))
            await asyncio.sleep(0.05)
            if how == "time":
                with pytest.raises(LimitError, match="takes too long to decode; at most 1 s"):
                    await task
            elif how == "death":
                os.kill(pid, signal.SIGKILL)
                assert (await task).channels == 2  # another process has decoded it
            else:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            again = tmp_path / "again"
            again.mkdir()
            decoded = await decoders.decode(good, again, MONO, "x.wav")
            assert not is_running(pid)
            return decoded

    assert run(decode_twice()).channels == 2


def test_no_recording_is_lost_with_processes_that_are_killed(run: Run, good: Path, tmp_path: Path) -> None:
    async def decode() -> list[Decoded]:
        async with decoding(count=2) as decoders:
            folders = [tmp_path / str(number) for number in range(6)]
            for folder in folders:
                folder.mkdir()
            for pid in decoders.pids:
                os.kill(pid, signal.SIGSTOP)
            tasks = [asyncio.create_task(decoders.decode(good, folder, MONO, "x.wav")) for folder in folders[:1]]
            await asyncio.sleep(0.05)
            for pid in decoders.pids:  # one has a recording in hand, one waits for work
                os.kill(pid, signal.SIGKILL)
            tasks += [asyncio.create_task(decoders.decode(good, folder, MONO, "x.wav")) for folder in folders[1:]]
            return await asyncio.gather(*tasks)

    assert [decoded.channels for decoded in run(decode())] == [2] * 6


def test_a_process_takes_so_many_files_and_no_more(
    run: Run, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_running: Callable[[int], bool]
) -> None:
    monkeypatch.setattr(module, "RECYCLED_AFTER", 2)

    async def decode() -> None:
        async with decoding() as decoders:
            (pid,) = decoders.pids
            for number in range(3):
                folder = tmp_path / str(number)
                folder.mkdir()
                await decoders.decode(good, folder, MONO, "x.wav")
                while number == 1 and is_running(pid):
                    await asyncio.sleep(0.01)
                assert is_running(pid) == (number == 0)

    run(decode())


# What a process may say that a stranger's file has taken over.
LIES: tuple[bytes, ...] = (
    b'{"duration_s": 1e300, "channels": 1}',
    b'{"duration_s": -1.0, "channels": 1}',
    b'{"duration_s": 1.0, "channels": 0}',
    b'{"duration_s": 1.0, "channels": true}',
    b'{"duration_s": "1", "channels": 1}',
    b'{"limit": "everything"}',
    b'{"limit": ["time"]}',
    b'{"failure": "x"}',
    b'{"fault": {"a": 1}}',
    b"{}",
    b"[]",
    b"\x80\x04.",
    b"[" * 9_000,
    b" " * 70_000,
)
LIAR = """
import os, sys
from emobridge.server.processes.messages import LENGTHS
def send(content): os.write(1, LENGTHS.pack(len(content), 0) + content)
send(b'{"ready": true}')
lies = %r
while sys.stdin.buffer.read1():
    said = lies.pop(0)
    send(said if said else ('{"failure": {"kind": "AudioError", "given": "%%s"}}' %% " ".join(os.environ)).encode())
"""


def test_nothing_is_believed_of_a_process_that_was_taken_over(
    run: Run, good: Path, into: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("EMOBRIDGE_SECRET", "x")
    monkeypatch.setattr(module, "MODULE", "liar")

    async def ask(lies: tuple[bytes, ...]) -> list[str]:
        (tmp_path / "liar.py").write_text(LIAR % [*lies], encoding="utf-8")
        told = []
        async with decoding() as decoders:
            for _ in lies:
                with pytest.raises(EmobridgeError) as caught:
                    await decoders.decode(good, into, MONO, "x.wav")
                assert isinstance(caught.value, AudioError | ServiceFault)
                told.append(str(caught.value))
        return told

    quiet = tuple(lie for lie in LIES if lie.startswith(b"{"))
    assert all("could not be decoded" in told for told in run(ask(quiet)))
    for lie in LIES[len(quiet) :]:
        assert "brought down" in run(ask((lie,)))[0]
    (environment,) = run(ask((b"",)))
    assert "PATH" in environment
    assert "SECRET" not in environment
