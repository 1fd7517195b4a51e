"""Laws of the error tree: one line, holding what was given, what is valid and what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emobridge import errors


def test_every_error_is_an_emobridge_error_and_is_drawn_in_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.EmobridgeError) for kind in kinds)
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in kinds)


@given(st.text(), st.text(), st.text())
def test_an_error_is_one_printable_line_whatever_was_given(first: str, valid: str, remedy: str) -> None:
    error = errors.AudioError(first, valid, remedy)
    assert not str(error) or str(error).isprintable()
    assert (error.given, error.valid, error.remedy) == (first, valid, remedy)


def test_an_error_says_its_parts_in_order_and_leaves_out_what_is_empty() -> None:
    assert str(errors.LabelError("label 'x'", "valid: a, b", "choose one")) == "label 'x'; valid: a, b; choose one"
    assert str(errors.LabelError("label 'x'", remedy="choose one")) == "label 'x'; choose one"


@pytest.mark.parametrize(
    ("word", "told"), [("hapy", "did you mean 'happy'?"), (" SAD", "did you mean 'sad'?"), ("zzz", "")]
)
def test_nearest_names_a_close_word_or_nothing(word: str, told: str) -> None:
    assert errors.nearest(word, ["happy", "sad"]) == told


@given(st.lists(st.text(min_size=1), min_size=1))
def test_nearest_to_a_valid_word_is_itself(words: list[str]) -> None:
    assert errors.nearest(words[0], words) == f"did you mean '{words[0]}'?"
