"""Laws of incoming sound: what comes is what was sent, however it is cut, and what is no raw sound is named."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emobridge.audio.capture import Incoming, microphone
from emobridge.errors import AudioError, MissingExtraError

RATE_HZ = 16_000
Sound = NDArray[np.float32]


def sent(*blocks: bytes) -> Incoming:
    incoming = Incoming()
    for block in blocks:
        incoming.blocks.put(block)
    incoming.is_over.set()
    return incoming


def heard(*blocks: bytes) -> Sound:
    return np.concatenate([*sent(*blocks).samples(), np.zeros(0, np.float32)])


def whole_numbers(sound: Sound, kind: str = "<i2") -> bytes:
    top = 2 ** (8 * np.dtype(kind).itemsize - 1)
    return np.round(np.clip(sound, -1, 1) * (top - 1)).astype(kind).tobytes()


@pytest.fixture(scope="module")
def speech(speech_like: Callable[..., Sound]) -> Sound:
    return speech_like(0.25)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 8_000), max_size=5))
def test_what_comes_is_what_was_sent_wherever_it_is_cut(speech: Sound, places: list[int]) -> None:
    data = whole_numbers(speech)
    edges = [0, *sorted(places), len(data)]
    blocks = [data[start:end] for start, end in pairwise(edges)]
    np.testing.assert_array_equal(heard(*blocks), np.frombuffer(data, "<i2") / np.float32(2**15))


@pytest.mark.parametrize("gain_db", [-60, -20, 0, 20, 40])
@pytest.mark.parametrize("is_noise", [False, True])
def test_no_sound_of_the_right_kind_is_refused(speech: Sound, gain_db: float, is_noise: bool) -> None:
    sound = np.random.default_rng(0).standard_normal(4_000) * 0.2 if is_noise else speech
    data = whole_numbers(sound * 10 ** (gain_db / 20))
    assert len(heard(data)) == len(sound)


def other_kinds(sound: Sound) -> Iterator[tuple[str, bytes]]:
    yield "32-bit floats", sound.astype("<f4").tobytes()
    yield "32-bit floats", sound.astype("<f4").tobytes()[2:]
    yield "8-bit samples", np.round(128 + 40 * sound).astype(np.uint8).tobytes()
    yield "big-endian samples", whole_numbers(sound, ">i2")
    yield "32-bit samples or two channels", whole_numbers(sound.astype(np.float64), "<i4")
    yield "32-bit samples or two channels", (np.frombuffer(whole_numbers(sound), "<i2").astype("<i4") << 16).tobytes()
    yield "32-bit samples or two channels", whole_numbers(np.stack([sound, 0 * sound], axis=1).ravel())


def test_samples_of_another_kind_are_named_after_silence_too(speech: Sound) -> None:
    for name, data in other_kinds(0.5 * speech):
        for silence in (b"", bytes(8_000)):
            with pytest.raises(AudioError, match=f"seems to hold {name};"):
                heard(silence, data)


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (b"RIFF....WAVE", "a sound file"),
        (b"\0\0\0\x20ftypM4A ", "a sound file"),
        (b"\0" * 101, "an odd number of bytes"),
        (b"", "no sound came"),
    ],
)
def test_what_is_no_raw_sound_is_told_with_a_remedy(block: bytes, told: str) -> None:
    with pytest.raises(AudioError, match=told) as caught:
        heard(*([block] if block else []))
    assert "16 bits" in str(caught.value)


def test_a_failure_comes_after_what_came_before_it_and_an_interruption_is_none() -> None:
    incoming = sent(b"\0" * 100)
    incoming.failure = AudioError("the end")
    samples = incoming.samples()
    assert len(next(samples)) == 50
    with pytest.raises(AudioError, match="the end"):
        next(samples)
    incoming = sent(b"\0" * 101)
    incoming.is_interrupted = True
    assert [len(each) for each in incoming.samples()] == [50]


class PortAudioError(Exception):
    pass


class Device(contextlib.nullcontext):
    """Gives one block as it is opened; device 7 is none, 'lost' ends, 'slow' gives more than is taken."""

    def __init__(self, **settings: object) -> None:
        super().__init__()
        self.settings = SimpleNamespace(**settings)
        if self.settings.device == 7:
            raise PortAudioError("Invalid device\n[PaErrorCode -9996]")

    def __enter__(self) -> None:
        for _ in range(100 if self.settings.device == "slow" else 1):
            self.settings.callback(b"\1\0" * self.settings.blocksize, self.settings.blocksize, None, "")
        if self.settings.device == "lost":
            self.settings.finished_callback()


@pytest.fixture
def _devices(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(RawInputStream=Device, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)


@pytest.mark.usefixtures("_devices")
def test_a_microphone_gives_its_sound_and_says_that_it_listens(capsys: pytest.CaptureFixture[str]) -> None:
    incoming = Incoming()
    with microphone(incoming, None, RATE_HZ):
        assert len(next(incoming.samples())) == RATE_HZ / 4
    assert "the default microphone at 16000 Hz" in capsys.readouterr().err


@pytest.mark.usefixtures("_devices")
def test_a_microphone_that_is_lost_is_told_after_its_sound() -> None:
    incoming = Incoming()
    with microphone(incoming, "lost", RATE_HZ), pytest.raises(AudioError, match="'lost' gives no more sound"):
        assert sum(len(each) for each in incoming.samples()) == RATE_HZ / 4


@pytest.mark.usefixtures("_devices")
def test_sound_for_which_there_is_no_time_is_lost_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    incoming = Incoming()
    with microphone(incoming, "slow", RATE_HZ):
        assert "too slow" in caplog.text
        assert incoming.blocks.full()


@pytest.mark.usefixtures("_devices")
def test_a_device_that_cannot_be_opened_is_told_in_one_line() -> None:
    with (
        pytest.raises(AudioError, match="microphone '7' cannot record at 16000 Hz") as caught,
        contextlib.ExitStack() as stack,
    ):
        stack.enter_context(microphone(Incoming(), "7", RATE_HZ))
    assert "python -m sounddevice" in str(caught.value)


def test_without_the_package_or_its_library_the_way_to_install_them_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emobridge\[listen\]'"), microphone(Incoming(), None, 1):
        pass

    def no_library(*_: str) -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr("emobridge.audio.capture.load_extra", no_library)
    with pytest.raises(AudioError, match="apt install libportaudio2"), microphone(Incoming(), None, 1):
        pass
