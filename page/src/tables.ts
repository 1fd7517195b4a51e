// A recording in words: facts, summaries, what to read with care, turning points, and the time line as a table.
import { type Child, element } from "./dom";
import { lineSample, sharesBar, swatch } from "./picture";
import type { Recording } from "./recording";
import type { Result, Segment, Summary } from "./shapes";
import {
  WHOLE, clock, confidence, dimensionsOf, flagName, flagsOf, isJudged, meanTold, namedShares, othersOf, percent, plural,
  reason, speakerName, speakersOf, valueTold, whyNot,
} from "./words";

const cells = (...texts: string[]): HTMLElement[] => texts.map((text) => element("td", {}, text));
const head = (...names: string[]): HTMLElement =>
  element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
const wide = (name: string, table: HTMLElement): HTMLElement =>
  element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": name }, table);

export const jump = (time_s: number): HTMLElement =>
  element("button", { type: "button", class: "jump", "data-time": time_s, "aria-label": `Play from ${clock(time_s)}` }, clock(time_s));

export function facts({ duration_s, segments, result }: Recording): string {
  const known = speakersOf(segments, result).filter((speaker) => speaker !== null);
  if (!result && !segments.length) return duration_s ? clock(duration_s) : "";
  return [
    duration_s ? clock(duration_s) : "words alone",
    known.length ? plural(known.length, "speaker") : "speakers not known",
    `${plural(segments.length, "segment")}, ${segments.filter(isJudged).length} judged`,
    ...(result ? [`model ${result.model.name} ${result.model.version}`] : []),
  ].join(" · ");
}

export function headline({ result }: Recording): HTMLElement | null {
  const category = result?.summary.category;
  if (!result || !category) return result ? element("p", { class: "headline" }, "Nothing in it could be judged.") : null;
  const share = percent(result.summary.shares[category] ?? 0);
  const told = result.duration_s ? ` – ${share} of the time that was judged` : ` – ${share}`;
  return element("p", { class: "headline" }, swatch(category), "mostly ", element("b", {}, category), told);
}

export function summaries(result: Result): HTMLElement {
  const places = speakersOf(result.segments, result);
  const dimensions = Object.keys(result.summary.mean);
  const rows = [
    summaryRow([WHOLE], result.summary, dimensions),
    ...Object.entries(result.speakers).map(([name, summary]) => {
      const place = places.indexOf(name);
      return summaryRow([place < 0 ? null : lineSample(place), element("bdi", {}, name)], summary, dimensions);
    }),
  ];
  const caption = element("caption", {}, "Shares of the judged time; mean ± standard deviation from 0 to 1");
  return element("table", { class: "summaries" }, caption, head("who", "judged", "share of time", ...dimensions), element("tbody", {}, ...rows));
}

function summaryRow(name: Child[], summary: Summary, dimensions: string[]): HTMLElement {
  const named = namedShares(summary).map(([category, share]) => element("span", {}, swatch(category), `${category} ${percent(share)}`));
  const shares = named.length ? [sharesBar(summary), element("div", { class: "named" }, ...named)] : ["nothing to judge"];
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, ...name),
    element("td", { "data-name": "judged" }, clock(summary.duration_s)),
    element("td", { class: "bar" }, ...shares),
    ...dimensions.map((each) => element("td", { "data-name": each }, meanTold(summary, each))),
  );
}

/** Each flag that some segment has, how many have it, and what it means. */
export function care(segments: Segment[]): HTMLElement | null {
  const flags = [...new Set(segments.flatMap((segment) => [...segment.flags, ...(segment.abstain ? [segment.abstain] : [])]))];
  if (!flags.length) return null;
  const items = flags.map((flag) => {
    const unjudged = segments.filter((segment) => segment.abstain === flag).length;
    const flagged = segments.filter((segment) => flagsOf(segment).includes(flag)).length;
    const counts = [unjudged ? `${unjudged} not judged` : "", flagged ? `${plural(flagged, "segment")}` : ""].filter(Boolean);
    return element("li", {}, element("mark", {}, flagName(flag)), ` ${counts.join(", ")}: ${reason(flag)}.`);
  });
  return element("section", { class: "care" }, element("h3", {}, "Read with care"), element("ul", {}, ...items));
}

export function turningPoints(result: Result): HTMLElement | null {
  const owners: [string, Summary][] = [[WHOLE, result.summary], ...Object.entries(result.speakers)];
  const rows = owners.flatMap(([owner, summary]) =>
    summary.turning_points.map((point) =>
      element(
        "tr",
        {},
        element("td", {}, jump(point.time_s)),
        element("td", {}, element("bdi", {}, owner)),
        ...cells(point.dimension, `${point.before.toFixed(2)} → ${point.after.toFixed(2)}`),
        element("td", { dir: "auto" }, point.text === null ? "" : `“${point.text}”`),
      ),
    ),
  );
  if (!rows.length) return null;
  const table = element("table", {}, head("time", "who", "dimension", "before → after", "words"), element("tbody", {}, ...rows));
  return element("section", {}, element("h3", {}, "Turning points"), wide("Turning points", table));
}

/** The time line for those who do not see it: a row a segment. */
export function timeTable(segments: Segment[]): HTMLElement {
  const dimensions = dimensionsOf(segments);
  const names = ["from", "to", "who", "category", "confidence", "may also be (90 %)", ...dimensions, "care", "words"];
  const caption = element("caption", {}, "Ranges in brackets are 90 % intervals, where they were measured");
  const rows = segments.map((segment) => element("tr", {}, ...rowOf(segment, dimensions)));
  return wide("Time line as a table", element("table", { class: "times" }, caption, head(...names), element("tbody", {}, ...rows)));
}

function rowOf(segment: Segment, dimensions: string[]): HTMLElement[] {
  const judged = isJudged(segment);
  const estimate = judged ? (segment.category ?? "–") : `not judged: ${whyNot(segment)}`;
  return [
    element("td", {}, jump(segment.start_s)),
    ...cells(clock(segment.end_s)),
    element("td", {}, element("bdi", {}, speakerName(segment.speaker))),
    ...cells(
      estimate,
      judged && segment.category ? percent(confidence(segment)) : "–",
      judged ? othersOf(segment).join(", ") : "–",
      ...dimensions.map((name) => (judged && name in segment.dimensions ? valueTold(segment, name) : "–")),
      flagsOf(segment).map(flagName).join(", "),
    ),
    element("td", { dir: "auto", class: "said" }, segment.text ?? ""),
  ];
}
