"""The page in a real browser: recordings in, results as they come, sound and pictures that move together."""

import base64
import json
import re
import time
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
CATEGORIES = "angry|happy|neutral|sad|fearful|disgusted|surprised|calm|bored"
# What a reader could have seen of a recording that is on its way: (words of its state, lines of its transcript).
WATCH = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const state = document.querySelector(".under-way:not([hidden]) .state")?.textContent;
    if (state) window.seen.push([state, document.querySelectorAll(".transcript > li").length]);
  }).observe(document.getElementById("shown"), { childList: true, subtree: true, attributes: true });
}"""
HEADS = "[...document.querySelectorAll('.mover')].map((head) => head.style.transform + head.classList).join()"


def give(page: Page, file: Path, name: str | None = None) -> Any:
    """Put a recording in and wait for its result; return its part of the page."""
    page.set_input_files("#file", file)
    article = page.get_by_role("article", name=name or file.name, exact=True)
    expect(article.locator(".headline")).to_be_visible()
    return article


def left_of(article: Any) -> float:
    return float(article.locator(".playhead").evaluate("playhead => parseFloat(playhead.style.left)"))


def test_a_dropped_recording_is_judged_and_told_as_the_service_tells_it(page: Page, sample: Path) -> None:
    page.locator("summary", has_text="Words, speakers, categories").click()
    page.select_option("#speakers", "2")
    page.set_input_files("#transcript-file", sample.with_suffix(".txt"))
    handle = page.evaluate_handle(
        """([bytes, name]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from(atob(bytes), (each) => each.charCodeAt(0))], name));
          return transfer;
        }""",
        [base64.b64encode(sample.read_bytes()).decode(), sample.name],
    )
    page.dispatch_event("#shown", "drop", {"dataTransfer": handle})
    article = page.get_by_role("article", name=sample.name)
    expect(article.locator(".headline")).to_be_visible()
    article.get_by_text("Download", exact=True).click()
    with page.expect_download() as started:
        article.locator("[data-format=json]").click()
    result = json.loads(started.value.path().read_text())
    assert result["file"] == sample.name
    lines = article.locator(".transcript > li").all_inner_texts()
    assert len(lines) == len(result["segments"]) == 6
    for line, segment in zip(lines, result["segments"], strict=True):
        assert segment["category"] in line
        assert segment["speaker"] in line
        assert segment["text"] in line
        assert f"valence {segment['dimensions']['valence']:.2f}" in line
    assert article.locator(".strips .lane").count() == 2
    assert article.locator(".strips .curve").count() == 3


def test_results_appear_while_the_rest_is_still_judged(page: Page, long_recording: Path) -> None:
    page.evaluate(WATCH)
    article = give(page, long_recording)
    seen = page.evaluate("window.seen")
    lines = article.locator(".transcript > li").count()
    early = {count for state, count in seen if state.startswith("judging")}
    assert any(0 < count < lines for count in early)
    shares = [int(share) for state, _ in seen for share in re.findall(r"judging, (\d+)%", state)]
    assert shares == sorted(shares)
    assert any(0 < share < 100 for share in shares)


def test_playing_moves_the_playhead_on_the_time_line_and_in_the_plane(page: Page, sample: Path) -> None:
    article = give(page, sample)
    article.locator("select[aria-label=Speed]").select_option("2")
    article.locator(".transcript .jump").first.click()
    expect(article.locator("button.play")).to_have_attribute("aria-pressed", "true")
    first = page.wait_for_function(HEADS).json_value()
    start = left_of(article)
    expect(article.locator(".transcript > li").nth(1)).to_have_class(re.compile("current"))
    assert left_of(article) > start + 5
    assert page.evaluate(HEADS) != first
    article.locator("button.play").click()
    expect(article.locator("button.play")).to_have_attribute("aria-pressed", "false")


def test_a_click_on_the_time_line_plays_from_there(page: Page, sample: Path) -> None:
    article = give(page, sample)
    box = article.locator(".strips").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 90)
    expect(article.locator("button.play")).to_have_attribute("aria-pressed", "true")
    assert 49 < left_of(article) < 60


def test_the_microphone_is_judged_while_it_is_heard(page: Page) -> None:
    page.get_by_role("button", name="Record from the microphone").click()
    article = page.locator("article")
    expect(article.locator(".now h4")).to_have_text("the last seconds")
    expect(article.locator(".transcript > li").first).to_be_visible()
    article.get_by_role("button", name="Stop and judge").click()
    expect(article.locator(".headline")).to_contain_text(re.compile(CATEGORIES))
    lines = article.locator(".transcript > li").count()
    article.get_by_text("Download", exact=True).click()
    with page.expect_download() as started:
        article.locator("[data-format=csv]").click()
    assert len(started.value.path().read_text().splitlines()) >= lines
    article.locator("button.play").click()
    expect(article.locator("button.play")).to_have_attribute("aria-pressed", "true")


def test_every_format_of_the_service_can_be_downloaded(page: Page, sample: Path) -> None:
    formats = page.evaluate("fetch('v1/formats').then((answer) => answer.json())")
    article = give(page, sample)
    article.get_by_text("Download", exact=True).click()
    assert len(formats) >= 10
    expect(article.locator("[data-format]")).to_have_count(len(formats))
    for each in formats:
        page.wait_for_timeout(300)  # nobody clicks ten times in a moment, and Chromium stops a page where that happens
        with page.expect_download() as started:
            article.locator(f"[data-format={each['name']}]").click()
        download = started.value
        assert download.suggested_filename == f"{sample.stem}.{each['extension']}"
        assert download.path().stat().st_size > 0


def test_what_cannot_be_read_is_told_in_words(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    (tmp_path / "notes.wav").write_bytes(b"this is no sound at all" * 50)
    page.set_input_files("#file", tmp_path / "notes.wav")
    alert = page.get_by_role("article").get_by_role("alert")
    expect(alert).to_contain_text("notes.wav")
    told = alert.inner_text()
    assert re.search(r"\w+ \w+ \w+", told)
    assert not re.search(r"[{}]|undefined|null|Traceback", told)


def test_a_service_that_is_gone_is_told_in_words(open_page: OpenPage, sample: Path) -> None:
    page = open_page(expect="net::ERR_CONNECTION_REFUSED")
    page.route("**/v1/recordings", lambda route: route.abort("connectionrefused"))
    page.set_input_files("#file", sample)
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")


def test_a_busy_service_is_asked_again(open_page: OpenPage, sample: Path) -> None:
    page = open_page(expect="429")
    answers = iter([True])
    problem = {"title": "Too many requests", "status": 429}

    def answer(route: Any) -> None:
        if next(answers, False):
            route.fulfill(status=429, headers={"Retry-After": "1"}, json=problem)
        else:
            route.continue_()

    page.route("**/v1/recordings", answer)
    page.set_input_files("#file", sample)
    expect(page.locator(".state")).to_contain_text("the service is busy; asking again in 1 second")
    expect(page.locator(".headline")).to_be_visible()


def test_a_key_is_asked_for_once_and_kept_in_this_tab_alone(open_page: OpenPage, sample: Path) -> None:
    page = open_page(expect="401")
    refusal = {"title": "A key is needed", "status": 401}

    def answer(route: Any) -> None:
        if route.request.headers.get("authorization") == "Bearer secret":
            route.continue_()
        else:
            route.fulfill(status=401, json=refusal)

    page.route("**/v1/**", answer)
    page.reload()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("API key").fill("wrong")
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog.get_by_text("That key was refused.")).to_be_visible()
    dialog.get_by_label("API key").fill("secret")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    give(page, sample)
    assert page.evaluate("Object.values(sessionStorage)") == ["secret"]
    assert page.evaluate("Object.values(localStorage)") == []
    assert page.context.cookies() == []


def test_a_download_lends_the_key_to_its_own_address_alone(open_page: OpenPage, sample: Path) -> None:
    page = open_page()
    page.evaluate("sessionStorage.setItem('emobridge-key', 'secret')")
    article = give(page, sample)
    article.get_by_text("Download", exact=True).click()
    with page.expect_download():
        article.locator("[data-format=csv]").click()
    (cookie,) = page.context.cookies(article.locator("[data-format=csv]").get_attribute("href"))
    assert (cookie["value"], cookie["sameSite"]) == ("secret", "Strict")
    assert cookie["path"].endswith("/result.csv")
    assert cookie["expires"] < time.time() + 60
    assert page.context.cookies(page.url) == []


def test_a_result_that_the_service_forgot_is_told_in_words(open_page: OpenPage, sample: Path) -> None:
    page = open_page(expect="404")
    article = give(page, sample)
    article.get_by_text("Download", exact=True).click()
    link = article.locator("[data-format=csv]")
    page.context.request.delete((link.get_attribute("href") or "").removesuffix("/result.csv"))
    link.click()
    expect(article.get_by_text("The service no longer has this result.")).to_be_visible()


def test_a_cancelled_recording_is_forgotten_by_the_service(page: Page, long_recording: Path) -> None:
    with page.expect_response("**/v1/recordings") as accepted:
        page.set_input_files("#file", long_recording)
    job = accepted.value.json()
    with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        page.get_by_role("button", name="Cancel").click()
    assert deleted.value.url.endswith(job["links"]["self"])
    expect(page.locator(".state")).to_have_text("cancelled")
    status = page.context.request.get(page.url.rstrip("/") + job["links"]["self"]).status
    assert status == 404


def test_what_was_judged_is_forgotten_when_the_page_is_left(page: Page, sample: Path) -> None:
    address = page.url.rstrip("/")
    with page.expect_response("**/v1/recordings") as accepted:
        give(page, sample)
    job = address + accepted.value.json()["links"]["self"]
    assert page.context.request.get(job).ok
    page.goto("about:blank")
    for _ in range(50):
        if page.context.request.get(job).status == 404:
            return
        page.wait_for_timeout(100)
    pytest.fail("the job is still there")


def test_words_alone_are_judged_and_never_become_markup(page: Page) -> None:
    page.locator("summary", has_text="Words, speakers, categories").click()
    page.get_by_label("What is said").fill("I am so happy <img src=x onerror=alert(1)> today!")
    page.get_by_role("button", name="Judge the words alone").click()
    article = page.get_by_role("article", name="words alone")
    expect(article.locator(".headline")).to_be_visible()
    expect(article.locator(".transcript")).to_contain_text("<img src=x onerror=alert(1)>")
    assert article.locator("img").count() == 0


def test_what_is_learned_later_is_used_when_it_is_judged_again(page: Page, sample: Path) -> None:
    article = give(page, sample)
    expect(article.locator(".strips .lane")).to_have_count(1)
    page.locator("summary", has_text="Words, speakers, categories").click()
    page.select_option("#speakers", "2")
    page.select_option("#categories", "four")
    article.get_by_role("button", name="Judge again").click()
    expect(article.locator(".strips .lane")).to_have_count(2)
    expect(article.locator(".headline")).to_be_visible()
    article.get_by_role("slider").press("PageDown")
    expect(article.locator(".now dt.set, .now dl:first-of-type dt")).to_have_count(4)


def test_two_recordings_stand_side_by_side(page: Page, sample: Path, long_recording: Path) -> None:
    give(page, long_recording)
    give(page, sample)
    expect(page.get_by_role("article", name="long.wav")).to_be_hidden()
    page.get_by_role("button", name="Compare two_speakers.flac with long.wav").click()
    articles = page.locator("article:visible")
    expect(articles).to_have_count(2)
    left, right = (articles.nth(index).bounding_box() for index in range(2))
    assert left["y"] == right["y"]
    assert right["x"] >= left["x"] + left["width"]
    table = page.get_by_role("region", name="Comparison").get_by_role("table")
    header = table.locator("thead th").all_inner_texts()
    assert header[1:3] == ["long.wav", "two_speakers.flac"]
    told = table.locator("tbody tr").all_inner_texts()
    assert sum(bool(re.match(rf"\s*({CATEGORIES})\b", each)) for each in told) == 9
    assert any(each.strip().startswith("valence") for each in told)
    page.get_by_role("button", name="Remove long.wav").click()
    expect(articles).to_have_count(1)


def test_doubts_are_told_in_words(page: Page, tmp_path: Path, long_recording: Path) -> None:
    import soundfile

    samples, rate_hz = soundfile.read(long_recording, frames=80_000, dtype="int16")
    soundfile.write(tmp_path / "silent.wav", samples * 0, rate_hz)
    page.set_input_files("#file", tmp_path / "silent.wav")
    article = page.get_by_role("article", name="silent.wav")
    expect(article.locator(".headline")).to_have_text("Nothing in it could be judged.")
    expect(article.locator(".care")).to_contain_text("there is nothing to hear")
    expect(article.locator(".transcript > li").first).to_contain_text("not judged")


def test_the_law_and_the_limits_are_stated_before_anything_is_given(page: Page) -> None:
    about = page.get_by_role("region", name="What it is, and is not")
    expect(about).to_contain_text("article 5(1)(f)")
    expect(about).to_contain_text("in the workplace and in education institutions")
    expect(about).to_contain_text("It does not know what anybody feels")
    expect(about.locator("#model")).to_contain_text("default")
    about.locator("summary", has_text="model card").click()
    expect(about.get_by_role("region", name="Model card")).to_contain_text("Training data")
