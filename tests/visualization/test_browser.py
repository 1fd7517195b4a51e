"""The page in a real browser: its script runs under its own policy, and what moves says what the result says."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emobridge.results import Result, Word
from emobridge.visualization.page import page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(BROWSER is None, reason="there is no chromium or chrome here"),
]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--hide-scrollbars",
)  # fmt: skip


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., str]:
    """A function (page, fragment="", *flags) -> the document after its script ran, without a complaint."""

    def browse(content: str, fragment: str = "", *flags: str) -> str:
        place = tmp_path / "page.html"
        place.write_text(content, encoding="utf-8")
        command = [BROWSER or "", *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *(flags or ("--dump-dom",))]
        done = subprocess.run(
            [*command, f"{place.as_uri()}{fragment}"], capture_output=True, text=True, timeout=120, check=True
        )
        assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout

    return browse


def part(document: str, pattern: str) -> str:
    found = re.search(pattern, document, re.DOTALL)
    assert found is not None
    return re.sub(r"<[^>]*>", " ", found[1])


def test_opened_at_a_time_the_page_shows_who_is_heard_then(call: Result, browse: Callable[..., str]) -> None:
    document = browse(page([call]), "#t=1.75")
    assert 'class="still"' not in document
    assert 'aria-valuetext="0:01.8, Ann angry, Ben neutral"' in document
    assert re.search(r'class="playhead moving" style="left: 29\.16', document)
    assert re.findall(r'data-segment="(\d)" class="current"', document) == ["0", "1"]
    now = " ".join(part(document, r'class="now moving"[^>]*>(.*?)</section>').split())
    assert now.startswith("now: Ann angry 71% sad 20% neutral 9% bold: the 90 % set valence 0.21 arousal 0.80")
    assert "now: Ben neutral 80%" in now
    heads = part(document, r'class="heads">(.*?)</svg>')
    assert heads.split() == ["Ann", "Ben"]
    assert f'cx="{30 + 280 * 0.21:.1f}'.rstrip("0") in document


def test_the_word_that_is_heard_is_marked_where_words_have_times(call: Result, browse: Callable[..., str]) -> None:
    starts_s = {"I": 0.5, "never": 0.9, "got": 1.3, "it.": 1.7}
    words = tuple(Word(text, start_s, start_s + 0.3) for text, start_s in starts_s.items())
    timed = replace(call, segments=(replace(call.segments[0], words=words), *call.segments[1:]))
    document = browse(page([timed]), "#t=1.4")
    assert re.findall(r'class="word heard"[^>]*>([^<]*)<', document) == ["got"]
    assert " ".join(part(document, r'data-segment="0".*?class="words"[^>]*>(.*?)</p>').split()) == "I never got it."
    assert 'class="word heard"' not in browse(page([timed]), "#t=1.25")
    assert 'class="word"' not in browse(page([call]), "#t=1.4")


def test_hostile_text_runs_nothing(call: Result, browse: Callable[..., str]) -> None:
    attack = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    segment = replace(call.segments[0], speaker=attack, text=attack, category=attack, probabilities={attack: 1.0})
    hostile = replace(call, file=attack, segments=(segment, replace(segment, start_s=0.6)), warnings=(attack,))
    document = browse(page([hostile]), "#t=1")
    assert "<title>owned" not in document
    assert "<img" not in document


def test_a_long_recording_goes_on_paper(
    long_call: Callable[[float], Result], browse: Callable[..., str], tmp_path: Path
) -> None:
    browse(page([long_call(1000.0)]), "", f"--print-to-pdf={tmp_path / 'page.pdf'}")
    assert 2 <= (tmp_path / "page.pdf").read_bytes().count(b"/Type /Page\n") <= 12
