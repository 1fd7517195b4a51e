// Small drawings that all parts share: swatches, the line of a speaker, bars. They follow src/emobridge/visualization.
import { clamp, drawn } from "./dom";
import type { Summary } from "./shapes";
import { colour, opacity, percent, sharesOf } from "./words";

export const HATCH = "url(#hatch)";
const LINE_STYLES = 4;

export const styleOf = (place: number): string => `speaker-${place % LINE_STYLES}`;

export function swatch(category: string | null, sure = 1): SVGSVGElement {
  const fill = category === null ? { fill: HATCH } : { fill: colour(category), "fill-opacity": opacity(sure) };
  const square = drawn("rect", { width: "100%", height: "100%", rx: 2, ...fill });
  return drawn("svg", { class: "swatch", width: 12, height: 12, "aria-hidden": "true" }, square);
}

export function lineSample(place: number): SVGSVGElement {
  const line = drawn("line", { class: styleOf(place), x1: 0, x2: 22, y1: 5, y2: 5 });
  return drawn("svg", { class: "sample", width: 22, height: 10, "aria-hidden": "true" }, line);
}

/** Shares of time as one bar. */
export function sharesBar(summary: Summary): SVGSVGElement {
  let start = 0;
  const parts = sharesOf(summary).map(([name, share]) => {
    const place = { x: `${100 * start}%`, width: `${100 * share}%`, height: "100%", fill: colour(name) };
    start += share;
    return drawn("rect", place, drawn("title", {}, `${name} ${percent(share)}`));
  });
  return drawn("svg", { class: "shares", width: "100%", height: 16, "aria-hidden": "true" }, ...parts);
}

/** A bar on a track; marks are drawn over it. */
export function track(...marks: SVGElement[]): SVGSVGElement {
  const ground = drawn("rect", { class: "track", width: "100%", height: "100%" });
  return drawn("svg", { width: "100%", height: 10, "aria-hidden": "true" }, ground, ...marks);
}

export const bar = (category: string, probability: number): SVGElement =>
  drawn("rect", { width: percent(probability), height: "100%", fill: colour(category) });

/** A value on [0, 1], with its interval where there is one. */
export function gauge(value: number, range: [number, number] | undefined): SVGSVGElement {
  const mark = drawn("rect", { class: "value", x: `${100 * clamp(value, 0, 1)}%`, width: 2, height: "100%" });
  if (!range) return track(mark);
  const [low, high] = range.map((each) => clamp(each, 0, 1));
  const band = drawn("rect", { class: "range", x: `${100 * low}%`, width: `${100 * (high - low)}%`, height: "100%" });
  return track(band, mark);
}
