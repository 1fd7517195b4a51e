"""A small run of the fuzzing: nothing that a stranger uploads brings the service down, hangs it or stays behind."""

from pathlib import Path

import pytest

from benchmarks.robustness import fuzz_uploads
from benchmarks.robustness.hostile import MAKERS, Upload, uploads
from benchmarks.robustness.mutations import CONTENTS
from benchmarks.robustness.seeds import seeds

pytestmark = pytest.mark.alone

COUNT, SEED = 3 * len(MAKERS), 7


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    return seeds()


def test_the_same_seed_makes_the_same_uploads_and_another_one_others(good: dict[str, bytes]) -> None:
    assert uploads(len(MAKERS), 1, good) == uploads(len(MAKERS), 1, good)
    assert uploads(len(MAKERS), 1, good) != uploads(len(MAKERS), 2, good)


def test_a_round_holds_every_kind(good: dict[str, bytes]) -> None:
    kinds = {upload.kind for upload in uploads(len(MAKERS), 0, good)}
    assert len(kinds) == len(MAKERS)
    assert kinds >= set(CONTENTS)


@pytest.mark.slow
def test_no_upload_is_answered_by_a_failure_hangs_or_stays_behind(tmp_path: Path) -> None:
    outcomes, found = fuzz_uploads.fuzz(tmp_path, COUNT, SEED)
    assert found == []
    assert {200, 415, 422} <= {outcome.status for outcome in outcomes}
    assert fuzz_uploads.page(outcomes, SEED).count("\n| ") == len(MAKERS) + 1


def outcome(status: int | None, type_: str = "application/json", text: bytes = b"", seconds: float = 1.0):
    return fuzz_uploads.Outcome(Upload("kind", (b"",)), status, type_, text, seconds)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (outcome(200), None),
        (outcome(503, "application/problem+json"), None),
        (outcome(422, "application/problem+json"), None),
        (outcome(422), "without a problem"),
        (outcome(500, "application/problem+json"), "a server error"),
        (outcome(None), "no answer"),
        (outcome(200, seconds=999.0), "it hung"),
        (outcome(200, text=b"HTTP/1.1 200 OK\r\nX-Injected: yes\r\n\r\n"), "a header was put in"),
        (outcome(200, text=b"root:x:0:0"), "it tells"),
        (outcome(422, "application/problem+json", b"/srv/data/uploads/x"), "it tells"),
    ],
)
def test_every_kind_of_failure_is_noticed(seen: fuzz_uploads.Outcome, told: str | None) -> None:
    found = fuzz_uploads.wrong(seen, Path("/srv/data"))
    assert found is None if told is None else told in (found or "")
