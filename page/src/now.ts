// What is heard at the moment of the playhead, or by the microphone: every probability, every dimension, every doubt.
import { element } from "./dom";
import { bar, gauge, track } from "./picture";
import type { Segment } from "./shapes";
import { flagName, flagsOf, percent, reason, whyNot } from "./words";

export function now(active: Segment[], label = "now"): HTMLElement[] {
  if (!active.length) return [element("p", { class: "hint" }, "Nobody speaks here, or nothing was judged.")];
  return active.flatMap((segment) => details(segment, label));
}

function details(segment: Segment, label: string): HTMLElement[] {
  const title = element("h4", {}, segment.speaker === null ? label : `${label}: ${segment.speaker}`);
  if (segment.abstain !== null || segment.category === null) {
    const why = segment.abstain ? `: ${reason(segment.abstain)}` : "";
    return [title, element("p", { class: "hint" }, `not judged, ${whyNot(segment)}${why}`)];
  }
  const probabilities = element("dl");
  for (const [category, probability] of Object.entries(segment.probabilities).sort((a, b) => b[1] - a[1])) {
    const inSet = segment.categories_90.includes(category) ? "set" : null;
    probabilities.append(
      element("dt", { class: inSet }, category),
      element("dd", {}, track(bar(category, probability))),
      element("dd", {}, percent(probability)),
    );
  }
  const dimensions = element("dl");
  for (const [name, value] of Object.entries(segment.dimensions)) {
    dimensions.append(
      element("dt", {}, name),
      element("dd", {}, gauge(value, segment.intervals[name])),
      element("dd", {}, value.toFixed(2)),
    );
  }
  const hasIntervals = Object.keys(segment.intervals).length > 0;
  const about = hasIntervals ? "the band is the 90 % interval" : "no interval was measured for this: a rough guide";
  const doubts = flagsOf(segment).map((flag) =>
    element("p", { class: "hint" }, element("mark", {}, flagName(flag)), ` ${reason(flag)}`),
  );
  return [title, probabilities, element("p", { class: "hint" }, "bold: the 90 % set"), dimensions, element("p", { class: "hint" }, about), ...doubts];
}
