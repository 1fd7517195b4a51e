"""Laws of the page, read by an independent parser: it shows the values, asks no network, runs nobody's text."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import soundfile

from emobridge.results import Result, Segment, Summary
from emobridge.visualization import page as page_module
from emobridge.visualization.page import page
from emobridge.visualization.strips import described

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"' style='x' <!-- ]]> \u2028 $& `${1}` &lt;"
VOID = {"meta", "input", "br"}


class Node:
    """An element with its attributes, texts and children."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag, self.attributes = tag, attributes
        self.parts: list[Node | str] = []

    def all(self, tag: str | None = None, **attributes: str) -> "list[Node]":
        here = (tag is None or self.tag == tag) and all(
            value in (self.attributes.get(name.rstrip("_").replace("_", "-")) or "").split(" ")
            for name, value in attributes.items()
        )
        below = [found for part in self.parts if isinstance(part, Node) for found in part.all(tag, **attributes)]
        return [self, *below] if here else below

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


class Reader(HTMLParser):
    """Builds the tree, and refuses elements that are not closed in order."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open = [Node("", {})]
        self.feed(content)
        self.close()
        assert len(self.open) == 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Node(tag, dict(attrs))
        self.open[-1].parts.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def read(content: str) -> Node:
    return Reader(content).open[0]


def values_of(tree: Node) -> list[Result]:
    (element,) = tree.all("script", id="values")
    return [Result.from_dict(value) for value in json.loads(element.text)["results"]]


def test_the_results_come_back_equal(call: Result) -> None:
    other = replace(call, file="other.wav", segments=call.segments[:1])
    assert values_of(read(page([call, other]))) == [call, other]
    assert values_of(read(page([]))) == []


def test_the_transcript_says_what_each_segment_holds(call: Result) -> None:
    angry, calm, noise, strange = [each.text for each in read(page([call])).all("ol", class_="transcript")[0].all("li")]
    assert angry == (
        "0:00.5Annangry 71% or sadI never got it."
        "valence 0.21 (0.10 to 0.35), arousal 0.80 (0.70 to 0.90), dominance 0.66"
    )
    assert calm.endswith("dominance 0.50 clipped low confidence")
    assert noise == "0:03.2Annnot judged: noise"
    assert strange == "0:04.0Annnot judged: out of domain (estimate, not to be used: angry)Mm."


def test_the_time_line_has_a_lane_a_speaker_with_a_block_a_segment_in_its_place(call: Result) -> None:
    tree = read(page([call]))
    names = [each.text for each in tree.all("div", class_="names")[0].all("div", class_="lane")]
    assert names == ["Ann", "Ben"]
    lanes = tree.all("div", class_="strips")[0].all("div", class_="lane")
    for lane, speaker in zip(lanes, names, strict=True):
        blocks = [each for each in lane.all("svg") if "data-segment" in each.attributes]
        expected = [(index, each) for index, each in enumerate(call.segments) if each.speaker == speaker]
        assert [int(block.attributes["data-segment"] or -1) for block in blocks] == [index for index, _ in expected]
        for block, (_, segment) in zip(blocks, expected, strict=True):
            start, width = (float((block.attributes[name] or "").rstrip("%")) / 100 for name in ("x", "width"))
            assert start * call.duration_s == pytest.approx(segment.start_s, abs=1e-4)
            assert width * call.duration_s == pytest.approx(segment.end_s - segment.start_s, abs=1e-4)
            assert block.all("title")[0].text == described(segment)


def test_what_abstains_is_hatched_and_what_is_surer_is_more_opaque(call: Result) -> None:
    blocks = {
        block.attributes["data-segment"]: block.all("rect", class_="body")[0].attributes
        for block in read(page([call])).all("svg")
        if "data-segment" in block.attributes
    }
    assert [blocks[index]["fill"] == "url(#hatch)" for index in "0123"] == [False, False, True, True]
    assert float(blocks["0"]["fill-opacity"] or 0) < float(blocks["1"]["fill-opacity"] or 0)


def test_curves_pass_through_the_values_and_bands_are_the_intervals(call: Result) -> None:
    curves = read(page([call])).all("div", class_="strips")[0].all("div", class_="curve")
    valence, arousal, _ = [[each.attributes["d"] for each in curve.all("path", class_="band")] for curve in curves]
    assert valence == ["M50 900H200V650H50Z", "M150 500H325V300H150Z"]
    assert arousal == ["M50 300H200V100H50Z", ""]
    lines = [each.attributes["d"] for each in curves[0].all("path", class_="line")]
    assert lines == ["M50 790H200", "M150 400H325"]


def test_the_plane_holds_each_judged_segment_and_each_speakers_mean(call: Result) -> None:
    (plane,) = read(page([call])).all("svg", class_="plane")
    points = plane.all("g", class_="points")[0].all("use")
    places = [(float(each.attributes["x"] or 0), float(each.attributes["y"] or 0)) for each in points]
    assert places == [(pytest.approx(30 + 280 * 0.21, abs=0.06), pytest.approx(8 + 280 * 0.2, abs=0.06)),
                      (pytest.approx(30 + 280 * 0.6, abs=0.06), pytest.approx(8 + 280 * 0.7, abs=0.06))]  # fmt: skip
    assert [each.text for each in plane.all("g", class_="mean")] == ["Ann", "Ben"]


def test_summaries_and_turning_points_are_in_words(call: Result) -> None:
    tree = read(page([call]))
    rows = [each.text for each in tree.all("table", class_="summaries")[0].all("tr")]
    assert rows[0] == "whojudgedshare of timevalencearousaldominance"
    assert rows[1].startswith("whole recording0:03.2")
    assert rows[2].endswith("angry 71% sad 20% neutral 9% 0.21 ± 0.010.80 ± 0.020.66 ± 0.03")
    (turn,) = tree.all("table", class_="turns")[0].all("tr")[1:]
    assert turn.text == "0:01.5Annvalence0.61 → 0.22“We will send it.”"
    assert [each.text for each in tree.all("ul", class_="warnings")] == ["the left channel is silent"]


def test_hostile_text_stays_text_wherever_it_stands(call: Result) -> None:
    segment = replace(call.segments[0], speaker=HOSTILE, text=HOSTILE, category=HOSTILE, probabilities={HOSTILE: 1.0})
    segment = replace(segment, dimensions={HOSTILE: 0.5}, categories_90=(HOSTILE, HOSTILE), flags=(HOSTILE,))
    summary = Summary(1.0, HOSTILE, {HOSTILE: 1.0}, {HOSTILE: 0.5}, {HOSTILE: 0.1})
    hostile = Result(HOSTILE, 6.0, {"name": HOSTILE, "version": HOSTILE}, (segment, replace(segment, abstain=HOSTILE)),
                     {HOSTILE: summary}, summary, (HOSTILE,))  # fmt: skip
    content = page([hostile])
    tree, harmless = read(content), read(page([call]))
    assert values_of(tree) == [hostile]
    for tag in ("script", "style", "img", "meta"):
        assert len(tree.all(tag)) == len(harmless.all(tag))
    assert not [name for node in tree.all() for name in node.attributes if name.startswith("on") or name == "style"]
    assert HOSTILE in tree.all("p", class_="words")[0].text


def test_half_a_surrogate_pair_does_not_stop_the_page(call: Result) -> None:
    from emobridge.writers import render

    broken = replace(call, segments=(replace(call.segments[0], text="a\ud800b"),))
    assert b'<p class="words" dir="auto">a?b</p>' in render([broken], "html")


def test_nothing_in_the_page_asks_a_network(call: Result) -> None:
    content = page([call])
    tree = read(content)
    for node in tree.all():
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            assert (node.attributes.get(name) or "#").startswith(("#", "data:"))
    style = tree.all("style")[0].text
    assert "url(" not in style
    assert "@import" not in style
    assert re.findall(r"\w+://[^\"' ]*", content) == ["http://www.w3.org/2000/svg"]  # a name space, in the script


def test_the_policy_lets_the_pages_own_style_and_script_run_and_nothing_else(call: Result) -> None:
    tree = read(page([call]))
    (policy,) = [each.attributes["content"] for each in tree.all("meta") if "http-equiv" in each.attributes]

    def digest(tag: str) -> str:
        (content,) = [each.text for each in tree.all(tag) if "type" not in each.attributes]
        return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest('style')}'; script-src 'sha256-{digest('script')}'; "
        "media-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def test_an_hour_is_a_page_of_less_than_three_megabytes_and_goes_on_paper_in_rows(
    long_call: Callable[[float], Result],
) -> None:
    content = page([long_call(3600.0)])
    assert len(content.encode()) < 3_000_000
    assert len(read(content).all("div", class_="paper-row")) == 6


def test_nothing_judged_is_a_page_too() -> None:
    tree = read(page([Result("a.wav", 0.0, {}, (), {}, Summary(0.0))]))
    assert "nothing to judge" in tree.text
    assert "There are no segments." in tree.text
    silent = Result("a.wav", 2.0, {}, (Segment(0.0, 2.0, flags=("silence",), abstain="silence"),), {}, Summary(0.0))
    assert "not judged: silence" in read(page([silent])).text


@pytest.fixture
def recorded(call: Result, tmp_path: Path, speech_like: Callable) -> Result:
    """The call with its recording."""
    soundfile.write(tmp_path / "call.flac", speech_like(6.0), 16_000)
    return replace(call, file=str(tmp_path / "call.flac"))


def test_a_small_recording_is_in_the_page_unless_told_otherwise(recorded: Result) -> None:
    (player,) = read(page([recorded])).all("audio")
    _, _, content = (player.attributes["src"] or "").partition("base64,")
    assert base64.b64decode(content) == Path(recorded.file).read_bytes()
    tree = read(page([recorded], embed=False))
    assert "src" not in tree.all("audio")[0].attributes
    assert "It stays on this computer" in tree.text
    assert len(tree.all("div", class_="strips")[0].all("div", class_="wave")) == 1


def test_recordings_are_embedded_as_long_as_they_fit_together(
    recorded: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    size_bytes = Path(recorded.file).stat().st_size
    monkeypatch.setattr(page_module, "EMBEDDED_BYTES", int(1.5 * size_bytes * 4 / 3))
    players = read(page([recorded, recorded])).all("audio")
    assert ["src" in player.attributes for player in players] == [True, False]


def test_a_page_without_its_recording_says_so(call: Result) -> None:
    tree = read(page([call]))
    assert "No waveform: the recording was not there when this page was written." in tree.text
    assert not tree.all("div", class_="wave")


def test_several_recordings_are_reached_from_the_top(call: Result) -> None:
    tree = read(page([call, replace(call, file="b.wav")]))
    links = [(each.attributes["href"], each.text) for each in tree.all("nav")[0].all("a")]
    assert links == [("#recording-0", "absent.wav"), ("#recording-1", "b.wav")]
    identifiers = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
    assert len(identifiers) == len(set(identifiers))
    assert {f"#{each.attributes['id']}" for each in tree.all("article")} == {href for href, _ in links}
