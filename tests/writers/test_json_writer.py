"""JSON written is read back as the same result; several are a list."""

import json
import math
from pathlib import Path

import pytest

from emobridge.results import Result, Segment, Summary
from emobridge.writers import write

SEGMENT = Segment(
    0.0,
    1 / 3,
    "A",
    'naïve "quotes"\n=1+1',
    "angry",
    {"angry": 0.1 + 0.2, "sad": 0.7},
    {"valence": 0.1},
    {"valence": (0.0, 0.3)},
    ("angry", "sad"),
    ("acoustic", "linguistic"),
    ("out_of_domain",),
    "out_of_domain",
)
RESULT = Result("å.wav", 1 / 3, {"name": "toy"}, (SEGMENT,), {"A": Summary(0.3)}, Summary(0.3, "angry"), ("odd",))


def test_one_result_is_an_object_that_reads_back_equal(tmp_path: Path) -> None:
    write([RESULT], tmp_path / "one.json")
    content = (tmp_path / "one.json").read_text(encoding="utf-8")
    assert Result.from_dict(json.loads(content)) == RESULT
    assert "å.wav" in content


def test_several_results_are_a_list_in_their_order(tmp_path: Path) -> None:
    other = Result("b.wav", 0.0, {}, (), {}, Summary(0.0))
    write([RESULT, other], tmp_path / "two.json")
    values = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))
    assert [Result.from_dict(value) for value in values] == [RESULT, other]


def test_what_is_no_json_number_is_never_written(tmp_path: Path) -> None:
    broken = Result("b.wav", math.nan, {}, (), {}, Summary(0.0))
    with pytest.raises(ValueError, match="nan"):
        write([broken], tmp_path / "broken.json")
    assert not list(tmp_path.iterdir())
