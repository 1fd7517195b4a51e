"""A header whose length cannot be right means that a recording goes on to its end, and a warning says so."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emobridge.audio.load import load_audio, read_blocks
from emobridge.errors import AudioError

RATE_HZ = 16_000
NOISE = (0.1 * np.random.default_rng(0).standard_normal(RATE_HZ * 3)).astype(np.float32)
# Form: where the length stands after a mark, its `struct` format, what it counts beside samples, where the file's is.
FIELDS: dict[str, tuple[bytes, int, str, int, tuple[int, str] | None]] = {
    "WAV": (b"data", 4, "<I", 0, (4, "<I")),
    "RF64": (b"ds64", 16, "<Q", 0, (20, "<Q")),
    "W64": (b"data\xf3\xac", 16, "<Q", 24, (16, "<Q")),
    "AIFF": (b"SSND", 4, ">I", 8, (4, ">I")),
    "AU": (b".snd", 8, ">I", 0, None),
    "CAF": (b"data", 4, ">q", 4, None),
}


def with_length(form: str, declared: int, outer: int | None = None, tail: bytes = b"") -> bytes:
    """Return a recording whose header says that it holds ``declared`` bytes of samples."""
    stream = io.BytesIO()
    soundfile.write(stream, NOISE, RATE_HZ, format=form, subtype="PCM_16")
    content = bytearray(stream.getvalue() + tail)
    mark, offset, number, extra, outer_field = FIELDS[form]
    struct.pack_into(number, content, content.index(mark) + offset, declared + extra)
    if outer is not None and outer_field is not None:
        struct.pack_into(outer_field[1], content, outer_field[0], outer)
    return bytes(content)


def read(content: bytes) -> tuple[np.ndarray, list[str]]:
    warnings: list[str] = []
    return np.concatenate(list(read_blocks(content, warn=warnings.append))), warnings


@pytest.mark.parametrize("form", FIELDS)
def test_a_length_that_is_right_gives_no_warning(form: str) -> None:
    sound, warnings = read(with_length(form, 2 * len(NOISE)))
    assert len(sound) == len(NOISE)
    assert not warnings


@pytest.mark.parametrize("form", FIELDS)
@pytest.mark.parametrize("length", ["zero", "open", "short"])
@settings(max_examples=8)
@given(data=st.data())
def test_a_length_that_cannot_be_right_means_to_the_end(form: str, length: str, data: Any) -> None:
    is_wide = FIELDS[form][2][1] in "qQ"
    extra = FIELDS[form][3]
    largest = 2**63 - 1 if FIELDS[form][2][1] == "q" else 2**64 - 1 if is_wide else 2**32 - 1
    declared = {
        "zero": st.just(0),
        "open": st.integers(2**62 if is_wide else 2**32 - 255, largest).map(lambda number: number - extra),
        "short": st.integers(1, 40_000).map(lambda number: 2 * number),
    }[length]
    sound, warnings = read(with_length(form, data.draw(declared), data.draw(st.sampled_from([None, 0]))))
    assert len(sound) == len(NOISE)
    np.testing.assert_allclose(sound, NOISE, atol=1e-4)
    assert len(warnings) == 1
    assert "read to its end" in warnings[0]


@pytest.mark.parametrize("form", ["WAV", "RF64", "W64", "AIFF"])
def test_a_length_beyond_that_of_the_file_is_impossible(form: str) -> None:
    sound, warnings = read(with_length(form, 20 * len(NOISE), outer=1_000))
    assert len(sound) == len(NOISE)
    assert warnings


@pytest.mark.parametrize("form", FIELDS)
def test_a_header_that_agrees_with_itself_tells_of_a_partial_copy(form: str) -> None:
    with pytest.raises(AudioError, match=r"after 3\.0 s of 6\.0 s|malformed"):
        load_audio(with_length(form, 4 * len(NOISE), outer=4 * len(NOISE) + 200))


@pytest.mark.parametrize("form", ["WAV", "AIFF"])
def test_further_chunks_after_the_samples_are_no_samples(form: str) -> None:
    order = "<" if form == "WAV" else ">"
    notes = b"note" + struct.pack(order + "I", 60_000) + b"\x01\x02\x03" * 20_000
    sound, warnings = read(with_length(form, 2 * len(NOISE), tail=notes * 2))
    assert len(sound) == len(NOISE)
    assert not warnings


def test_a_recording_behind_another_is_told() -> None:
    both = with_length("WAV", 2 * len(NOISE)) * 2
    sound, warnings = read(both)
    assert len(sound) > 2 * len(NOISE)
    assert warnings
