"""Laws of typed reading: a dataclass there and back is the same, and what does not fit is refused with its place."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from emobridge.utils.typed import ShapeError, plain, read_dataclass


@dataclass(frozen=True)
class Inner:
    number: float
    count: int = 3


@dataclass(frozen=True)
class Outer:
    name: str
    pair: tuple[float, float]
    inner: tuple[Inner, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    other: Inner | None = None


WHOLE = Outer("a", (1.0, 2.0), (Inner(0.5, 1), Inner(2, 4)), {"x": 0.25}, Inner(1.0, 2))


def test_there_and_back_is_the_same() -> None:
    assert read_dataclass(Outer, plain(asdict(WHOLE)), "outer") == WHOLE
    assert read_dataclass(Outer, {"name": "a", "pair": [1, 2]}, "outer") == Outer("a", (1, 2))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nam": "a"}, "outer: unknown key 'nam'.*did you mean 'name'"),
        ({"name": 3}, "outer: name is 3; str is needed"),
        ({"pair": [1.0]}, r"outer: pair is \[1.0\]; 2 values are needed"),
        ({"inner": [{"number": 1.0}]}, "outer: inner: the key 'count' is missing"),
        ({"inner": [{"number": True, "count": 1}]}, "outer: inner: number is True; float is needed"),
        ({"shares": {"x": float("inf")}}, "outer: shares: x is inf"),
        ({"other": 4}, "outer: other is 4; an object is needed"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ShapeError, match=told):
        read_dataclass(Outer, plain(asdict(WHOLE)) | change, "outer")
