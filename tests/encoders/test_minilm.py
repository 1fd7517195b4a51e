"""Laws of the linguistic encoder on the toy graph: one vector a real token, each with its place in the text."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from emobridge.encoders.minilm import MAXIMUM_TOKENS, MiniLmOnnxEncoder
from emobridge.errors import BundleError


def encoder(bundle: Path, dimension: int = 12) -> MiniLmOnnxEncoder:
    return MiniLmOnnxEncoder(bundle / "linguistic.onnx", bundle / "tokenizer.json", dimension, "1" * 64, threads=1)


def test_spans_are_the_places_of_the_tokens_in_the_text(toy_bundle: Path) -> None:
    text = "I am  so HAPPY, éxtraordinary!"
    tokens = encoder(toy_bundle).encode(text)
    words = [text[start:end] for start, end in tokens.spans]
    assert words == ["I", "am", "so", "HAPPY", ",", "éxtraordinary", "!"]
    assert tokens.vectors.shape == (len(words), 12)
    assert not tokens.truncated


def test_equal_words_have_equal_vectors_and_other_words_others(toy_bundle: Path) -> None:
    first, _, again, other = encoder(toy_bundle).encode("happy so happy sad").vectors
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_without_any_token_gives_none_and_needs_no_graph(toy_bundle: Path, tmp_path: Path, text: str) -> None:
    shutil.copy(toy_bundle / "tokenizer.json", tmp_path)
    tokens = encoder(tmp_path).encode(text)
    assert tokens.vectors.shape == (0, 12)
    assert tokens.spans == ()


def test_a_text_that_is_too_long_is_cut_and_says_so(toy_bundle: Path, caplog: pytest.LogCaptureFixture) -> None:
    room = MAXIMUM_TOKENS - 2
    one = encoder(toy_bundle)
    with caplog.at_level(logging.WARNING):
        fits = one.encode("happy " * room)
        assert not fits.truncated
        assert not caplog.records
        cut = one.encode("happy " * room + "sad")
    assert cut.truncated
    assert "128 tokens" in caplog.text
    np.testing.assert_array_equal(cut.vectors, fits.vectors)
    assert cut.spans == fits.spans


def test_what_is_read_of_a_text_does_not_depend_on_how_much_too_long_it_is(toy_bundle: Path) -> None:
    longer, longest = (encoder(toy_bundle).encode("happy dog . " * count) for count in (100, 100_000))
    assert longest.truncated
    np.testing.assert_array_equal(longest.vectors, longer.vectors)
    assert longest.spans == longer.spans


def test_the_same_text_gives_the_same_bits(toy_bundle: Path) -> None:
    vectors = [encoder(toy_bundle).encode("the dog sits by the door").vectors for _ in range(2)]
    np.testing.assert_array_equal(*vectors)


def test_a_damaged_tokenizer_is_refused(toy_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_bundle, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=r"tokenizer '.*tokenizer\.json' cannot be read: .*; restore"):
        encoder(tmp_path).encode("happy")


def test_vectors_of_another_width_than_announced_are_refused(toy_bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"shape \(3, 12\) for 3 tokens; config\.json says width 13"):
        encoder(toy_bundle, dimension=13).encode("happy")
