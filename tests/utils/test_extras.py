"""Laws of registries: imported at use, and an extra that is missing fails with its install line."""

import sys

import pytest

from emobridge.errors import MissingExtraError
from emobridge.utils.extras import load_entry, load_extra


def test_an_entry_is_the_object_behind_its_path() -> None:
    from fractions import Fraction

    assert load_entry({"fraction": "fractions:Fraction"}, "fraction") is Fraction


def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"'torch'.*\[train\].*pip install 'emobridge\[train\]'"):
        load_extra("torch", "train")


def test_an_extra_that_is_there_is_its_module() -> None:
    assert load_extra("json", "train") is sys.modules["json"]


def test_an_entry_whose_extra_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "emobridge.encoders.hub.text", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emobridge\[train\]'"):
        load_entry({"text": "emobridge.encoders.hub.text:named_linguistic"}, "text", "train")
