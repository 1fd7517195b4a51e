"""A recording in words: facts, summaries, turning points, transcript; what the drawings show, for every reader."""

from collections.abc import Iterable

from emobridge.results import Result, Segment, Summary
from emobridge.visualization.content import (
    clock,
    confidence,
    dimensions_of,
    flags_of,
    is_predicted,
    others_of,
    speakers_of,
)
from emobridge.visualization.markup import Markup, element, joined, table
from emobridge.visualization.strips import line_sample, shares_bar, swatch, value_with_interval

NAMED_SHARE = 0.05  # smaller shares are in the bar alone
WHOLE = "whole recording"


def facts(result: Result) -> Markup:
    """Return how long the recording is, who speaks, and how much of it has a prediction."""
    predicted = sum(is_predicted(segment) for segment in result.segments)
    known = [speaker for speaker in speakers_of(result) if speaker is not None]
    speakers = f"{len(known)} speaker{'s' * (len(known) != 1)}" if known else "speakers not known"
    parts = [
        clock(result.duration_s),
        speakers,
        f"{len(result.segments)} segments, {predicted} judged",
        f"model {result.model.get('name', '?')} {result.model.get('version', '')}".rstrip(),
    ]
    return element("p", " · ".join(parts), class_="facts")


def warnings(result: Result) -> Markup:
    """Return what was odd about the input."""
    if not result.warnings:
        return Markup("")
    items = [element("li", warning) for warning in result.warnings]
    return element("ul", items, class_="warnings", aria_label="Warnings")


def summaries(result: Result, colours: dict[str, str]) -> Markup:
    """Return a table with a row for the whole recording and one for each speaker."""
    dimensions = list(result.summary.mean) or dimensions_of(result)
    places = {speaker: index for index, speaker in enumerate(speakers_of(result))}
    rows = [_summary_row(joined(WHOLE), result.summary, dimensions, colours)]
    for name, summary in result.speakers.items():
        sample = line_sample(places[name]) if name in places else Markup("")
        rows.append(_summary_row(joined(sample, element("bdi", name)), summary, dimensions, colours))
    caption = element("caption", "Shares of the judged time; mean ± standard deviation from 0 to 1")
    return table(["who", "judged", "share of time", *dimensions], rows, caption, class_="summaries")


def _summary_row(name: Markup, summary: Summary, dimensions: Iterable[str], colours: dict[str, str]) -> Markup:
    shares = sorted(summary.shares.items(), key=lambda share: -share[1])
    named = [
        joined(element("span", swatch(colours[category]), f"{category} {share:.0%}"), " ")
        for category, share in shares
        if share >= NAMED_SHARE
    ]
    bar = [shares_bar(shares, colours), element("div", named, class_="named")] if shares else ["nothing to judge"]
    figures = [
        element(
            "td",
            f"{summary.mean[each]:.2f} ± {summary.spread.get(each, 0):.2f}" if each in summary.mean else "–",
            data_name=each,
        )
        for each in dimensions
    ]
    duration = element("td", clock(summary.duration_s), data_name="judged")
    return element("tr", element("th", name, scope="row"), duration, element("td", bar, class_="bar"), figures)


def turning_points(result: Result) -> Markup:
    """Return when a dimension turned, of whom, from what to what, and at which words; nothing where none did."""
    owners = [(WHOLE, result.summary), *result.speakers.items()]
    rows = [
        element(
            "tr",
            element("td", _jump(point.time_s)),
            element("td", element("bdi", owner)),
            element("td", point.dimension),
            element("td", f"{point.before:.2f} → {point.after:.2f}", class_="turn"),
            element("td", f"“{point.text}”" if point.text is not None else "", dir="auto"),
        )
        for owner, summary in owners
        for point in summary.turning_points
    ]
    if not rows:
        return Markup("")
    turns = table(["time", "who", "dimension", "before → after", "words"], rows, class_="turns")
    return element("section", element("h3", "Turning points"), turns, class_="turning-points")


def transcript(result: Result, colours: dict[str, str]) -> Markup:
    """Return each segment with its time, speaker, category, what else it may be, dimensions, flags and words."""
    places = {speaker: index for index, speaker in enumerate(speakers_of(result))}
    items = [_line(index, segment, places[segment.speaker], colours) for index, segment in enumerate(result.segments)]
    return element("ol", items, class_="transcript") if items else element("p", "There are no segments.")


def _line(index: int, segment: Segment, place: int, colours: dict[str, str]) -> Markup:
    who = joined(line_sample(place), element("bdi", segment.speaker)) if segment.speaker is not None else Markup("")
    first = element("div", _jump(segment.start_s), element("span", who, class_="who"), _verdict(segment, colours))
    words = element("p", _words(segment), class_="words", dir="auto") if segment.text else ""
    return element(
        "li",
        first,
        words,
        _remarks(segment),
        data_segment=str(index),
        class_=None if is_predicted(segment) else "unjudged",
    )


def _words(segment: Segment) -> Markup | str:
    """Return the text, each word with its time where that is known, so that the one that is played can be marked."""
    if not segment.words:
        return segment.text or ""
    return joined(
        joined(
            " " if place else "",
            element("span", word.text, class_="word", data_start=f"{word.start_s:.3f}", data_end=f"{word.end_s:.3f}"),
        )
        for place, word in enumerate(segment.words)
    )


def _verdict(segment: Segment, colours: dict[str, str]) -> Markup:
    if segment.abstain is not None or segment.category is None:
        reason = segment.abstain.replace("_", " ") if segment.abstain else "nothing to judge"
        estimate = f" (estimate, not to be used: {segment.category})" if segment.category else ""
        return element("span", swatch(None), f"not judged: {reason}{estimate}", class_="verdict")
    sure = confidence(segment)
    said = joined(swatch(colours[segment.category], sure), element("b", segment.category), f" {sure:.0%}")
    others = others_of(segment)
    maybe = element("span", f" or {', '.join(others)}", class_="maybe") if others else ""
    return element("span", said, maybe, class_="verdict")


def _remarks(segment: Segment) -> Markup:
    if not is_predicted(segment):
        return Markup("")
    dimensions = ", ".join(f"{name} {value_with_interval(segment, name)}" for name in segment.dimensions)
    flags = [element("mark", flag) for flag in flags_of(segment)]
    modality = "" if len(segment.modalities) != 1 else f"{segment.modalities[0]} only"
    parts = [part for part in (dimensions, modality) if part]
    return element("p", " · ".join(parts), [joined(" ", flag) for flag in flags], class_="remarks")


def _jump(time_s: float) -> Markup:
    return element("button", clock(time_s), type="button", class_="jump", data_time=f"{time_s:.3f}", tabindex="-1")


def legend(categories: Iterable[str], colours: dict[str, str]) -> Markup:
    """Return what the colours and their strength mean, as items of a list."""
    ramp = joined([swatch(next(iter(colours.values()), None), sure) for sure in (0.2, 0.6, 1.0)])
    items = [(swatch(colours[name]), name) for name in categories]
    return joined(element("li", *item) for item in (*items, (ramp, "stronger = surer")))
