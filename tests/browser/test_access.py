"""Who can use the page: with a keyboard alone, with a screen reader, on a phone, in the dark."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.alone

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect

Page = Any
OpenPage = Callable[..., Any]
Shots = Callable[[Any, str], None]
SCREENS = ((320, 568), (360, 740), (768, 1024), (1360, 900), (1920, 1080))


def give(page: Page, file: Path) -> Any:
    page.set_input_files("#file", file)
    article = page.get_by_role("article", name=file.name, exact=True)
    expect(article.locator(".headline")).to_be_visible()
    return article


def focused(page: Page) -> str:
    told = page.evaluate("(({ id, ariaLabel, textContent }) => id || ariaLabel || textContent)(document.activeElement)")
    return str(told)


def tab_to(page: Page, wanted: str, most: int = 40) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted in focused(page):
            return
    pytest.fail(f"Tab never reached {wanted}")


def findings(page: Page, axe: str, rules: str = "") -> list[str]:
    """Return what axe-core finds that is serious or critical, by all its rules or by some."""
    page.evaluate(axe)
    found = page.evaluate(f"axe.run(document, {{ resultTypes: ['violations'], {rules} }})")
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def findings_in_both(page: Page, axe: str, shots: Shots, name: str) -> list[str]:
    """Return what axe-core finds in light and in dark colours; keep a picture of each."""
    found = []
    for scheme, rules in (("light", ""), ("dark", "runOnly: ['color-contrast']")):
        page.emulate_media(color_scheme=scheme)
        page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        found += findings(page, axe, rules)
        shots(page, f"desktop-{scheme}-{name}")
    return found


def test_nothing_serious_keeps_anybody_out(page: Page, sample: Path, axe: str, shots: Shots) -> None:
    expect(page.locator("#model .seal")).to_be_visible()
    page.locator("summary", has_text="Words, speakers, categories").click()
    assert findings_in_both(page, axe, shots, "empty") == []
    give(page, sample)
    page.set_input_files("#file", {"name": "again.flac", "mimeType": "audio/flac", "buffer": sample.read_bytes()})
    expect(page.get_by_role("article", name="again.flac").locator(".headline")).to_be_visible()
    page.get_by_role("button", name="Compare again.flac with two_speakers.flac").click()
    article = page.locator("article:visible").first
    article.locator("summary", has_text="Time line as a table").click()
    article.get_by_text("Download", exact=True).click()
    assert findings_in_both(page, axe, shots, "compare") == []
    page.evaluate("document.getElementById('key-dialog').showModal()")
    assert findings_in_both(page, axe, shots, "key") == []


def test_everything_can_be_done_with_the_keyboard_alone(open_page: OpenPage, sample: Path) -> None:
    page = open_page()
    page.on("filechooser", lambda chooser: chooser.set_files(sample))
    page.keyboard.press("Tab")
    assert focused(page).startswith("Skip to")
    page.keyboard.press("Enter")
    assert focused(page) == "start"
    page.keyboard.press("Tab")
    assert focused(page) == "file"
    page.keyboard.press("Enter")
    article = page.get_by_role("article", name=sample.name)
    expect(article.locator(".headline")).to_be_visible()
    tab_to(page, "Download")
    page.keyboard.press("Enter")
    expect(article.locator("[data-format=json]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(article.locator("[data-format=json]")).to_be_hidden()
    tab_to(page, "Time in two_speakers.flac")
    slider = article.get_by_role("slider")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "5.0")
    assert re.match(r"0:05\.0, \w+", slider.get_attribute("aria-valuetext") or "")
    page.keyboard.press("PageDown")
    now = float(slider.get_attribute("aria-valuenow") or 0)
    assert now > 5
    page.keyboard.press("Space")
    expect(article.locator("button.play")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    expect(article.locator("button.play")).to_have_attribute("aria-pressed", "false")
    tab_to(page, "Play from")
    first = focused(page)
    page.keyboard.press("ArrowDown")
    assert focused(page) != first
    tab_to(page, "Time line as a table")
    page.keyboard.press("Enter")
    expect(article.get_by_role("region", name="Time line as a table").get_by_role("row")).to_have_count(7)


def test_a_screen_reader_is_told_what_happens(page: Page, sample: Path) -> None:
    page.evaluate(
        """() => {
          window.told = [];
          const place = document.getElementById("announcements");
          new MutationObserver(() => window.told.push(place.textContent)).observe(place, { childList: true });
        }"""
    )
    give(page, sample)
    told = page.evaluate("window.told")
    assert any("judging" in each for each in told)
    assert re.match(r"two_speakers\.flac: done: mostly \w+", told[-1])
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
    assert page.get_by_role("contentinfo").count() == page.get_by_role("navigation").count() == 1


def test_focus_stays_with_the_recording_when_its_button_goes(page: Page, long_recording: Path) -> None:
    page.set_input_files("#file", long_recording)
    page.get_by_role("button", name="Cancel").press("Enter")
    expect(page.locator(".state")).to_have_text("cancelled")
    assert focused(page) == page.locator("article h2").get_attribute("id")


def test_nothing_is_wider_than_the_screen(page: Page, sample: Path, shots: Shots) -> None:
    give(page, sample)
    page.locator("summary", has_text="Time line as a table").click()
    page.get_by_role("slider").press("PageDown")
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        shots(page, f"{width}-done")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_and_light_can_be_chosen_and_are_kept(open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate(ground)
    assert light != dark
    page.reload()
    expect(page.get_by_role("button", name="Use light colours")).to_be_visible()
    assert page.evaluate(ground) == dark
