"""Laws of the report's page: whole in one file, no request, hostile names run nothing, all parts are there."""

import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emobridge.training.evaluation.bootstrap import Interval
from emobridge.training.evaluation.predictions import Predictions
from emobridge.training.experiments.grid import Asked
from emobridge.training.report import charts
from emobridge.training.report.html import page
from emobridge.training.report.run_facts import Facts
from emobridge.training.report.sections import Report, build
from emobridge.training.splits.leakage import Audit, Shared, SplitRecord

HOSTILE = "</style><script>document.title='owned'</script><img src=x onerror=alert(1)>"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AUDIT = Audit(
    corpus="toy", utterances=1, of=1, only=(), rule=HOSTILE, guards=("speaker",), excluded=0,
    folds={"fold-1": (Shared("speaker", "train", "test", 1, (HOSTILE,)),)},
)  # fmt: skip
FACTS = Facts(
    recipe={"name": "toy", "description": HOSTILE},
    corpora=[{"corpus": "toy", "utterances": 1, "speakers": None, "licence": HOSTILE, "citation": HOSTILE}],
    questions=[Asked("q", HOSTILE, {"toy": "toy", "x": "categories-alone"})],
    split=SplitRecord((AUDIT,), ("speaker",)),
)


class Checker(HTMLParser):
    """Refuses elements that are not closed in order, and collects what could ask for something."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(content)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "srcset"}]
        assert not [name for name, _ in attrs if name == "style" or name.startswith("on")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def report(toy_run: Any) -> Report:
    return build(toy_run.predictions, "toy", FACTS, 10)


def test_the_page_asks_nothing_and_runs_nothing(report: Report) -> None:
    content = page(report)
    found = Checker(content)
    assert not {"script", "img", "link", "iframe"} & set(found.tags)
    assert all(address.startswith("#part-") for address in found.addresses)
    assert re.search(
        r"default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'", unescape(content)
    )
    assert "url(" not in content
    assert "prefers-color-scheme: dark" in content
    assert "@media print" in content


def test_a_leak_that_was_allowed_is_the_first_line(report: Report) -> None:
    body = page(report).partition("<body>")[2]
    assert re.sub(r"<[^>]*>", "", body[:200]).startswith("This split leaks, and training was told to go on")
    assert "This split leaks" not in page(replace(report, facts=Facts()))


def test_every_part_of_an_appendix_is_there(report: Report) -> None:
    content = page(report)
    for title in ("What was run", "Figures", "toy: confusion", "toy: confidence", "toy: dimensions", "toy: speakers",
                  "toy: genders", "toy: folds", "Split of toy", "Utterances behind the figures"):  # fmt: skip
        assert f"<h2>{title}</h2>" in content
    labels = re.findall(r'<svg [^>]*aria-label="([^"]*)"', content)
    assert {label.split(",")[0].split(" of each")[0] for label in labels} >= {
        "Confusion matrix", "Calibration", "Predicted valence and arousal by true category", "UAR",
        "Figures with 95 % intervals over speakers; the table says the same in numbers",
        "Rated against predicted valence",
    }  # fmt: skip


def test_predictions_that_lack_nearly_everything_make_a_page(report: Report) -> None:
    bare = report.parts["toy"]
    blank = replace(bare, truth=np.zeros_like(bare.truth), truth_dimensions=np.full_like(bare.truth_dimensions, np.nan),
                    genders=np.full(len(bare), ""), speakers=np.full(len(bare), ""))  # fmt: skip
    Checker(page(build(blank, "toy", Facts(), 5)))
    nothing = {name: getattr(bare, name)[:, :0] for name in ("truth", "allowed", "probabilities")}
    Checker(page(build(replace(bare, categories=(), **nothing), "toy", Facts(), 5)))
    nothing = {name: getattr(bare, name)[:, :0] for name in ("truth_dimensions", "predicted_dimensions", "half_width")}
    Checker(page(build(replace(bare, dimensions=(), **nothing), "toy", Facts(), 5)))


def test_calibration_bins_hold_every_judged_item_once(report: Report) -> None:
    predictions: Predictions = report.parts["toy"]
    bins = charts.calibration_bins(predictions)
    assert bins[:, 2].sum() == len(predictions)
    assert (np.diff(bins[:, 0]) >= 0).all()
    right = (predictions.probabilities.argmax(axis=1) == predictions.truth_indices).mean()
    assert (bins[:, 1] * bins[:, 2]).sum() / bins[:, 2].sum() == pytest.approx(right)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.71, 0.748), (-0.3, 0.2), (0.5, 0.5001)])
def test_an_axis_has_round_ticks_inside_its_ends(low: float, high: float) -> None:
    axis = charts.around([Interval((low + high) / 2, low, high)], 100, 300)
    assert 2 <= len(axis.ticks) <= 6
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
    assert 100 < axis(low) < axis(high) < 300
    assert axis(-9) == 100
    assert axis(9) == 300


@pytest.mark.alone
@pytest.mark.skipif(BROWSER is None, reason="there is no chromium or chrome here")
def test_a_browser_shows_and_prints_the_page_without_a_complaint(report: Report, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page(report), encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr",
             f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={tmp_path / 'page.pdf'}")  # fmt: skip
    command = [BROWSER or "", *flags, (tmp_path / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert 2 <= (tmp_path / "page.pdf").read_bytes().count(b"/Type /Page\n") <= 10
