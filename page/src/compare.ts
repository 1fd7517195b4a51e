// Two recordings side by side, in figures: what one has more of than the other.
import { drawn, element } from "./dom";
import { swatch } from "./picture";
import type { Recording } from "./recording";
import type { Result } from "./shapes";
import { clock, colour, meanTold, percent } from "./words";

const FULL = 0.5; // a difference that fills its half of the bar

export function comparison(left: Recording, right: Recording): HTMLElement | null {
  if (!left.result || !right.result) return null;
  const results: [Result, Result] = [left.result, right.result];
  const names = [left.name, right.name].map((name) => element("th", { scope: "col" }, element("bdi", {}, name)));
  const head = element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "whole recording"), ...names, element("th", { scope: "col" }, "difference")));
  const body = element("tbody", {}, timeRow(results), ...categoryRows(results), ...dimensionRows(results));
  const caption = element("caption", {}, "Shares of the judged time; mean ± standard deviation from 0 to 1; the largest difference first; a bar points to the one with more");
  const table = element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Comparison" }, element("table", {}, caption, head, body));
  return element("section", { class: "comparison", "aria-label": "Comparison" }, element("h2", {}, "Side by side"), table);
}

const row = (title: Node | string, swatched: Node | null, cells: (string | Node)[]): HTMLElement =>
  element("tr", {}, element("th", { scope: "row" }, swatched, title), ...cells.map((cell) => element("td", {}, cell)));

function timeRow([left, right]: [Result, Result]): HTMLElement {
  return row("judged", null, [clock(left.summary.duration_s), clock(right.summary.duration_s), ""]);
}

function categoryRows(results: [Result, Result]): HTMLElement[] {
  const categories = [...new Set(results.flatMap(({ summary }) => Object.keys(summary.shares)))];
  const shares = categories.map((category) => ({ category, both: results.map(({ summary }) => summary.shares[category] ?? 0) }));
  shares.sort((a, b) => Math.abs(b.both[1] - b.both[0]) - Math.abs(a.both[1] - a.both[0]));
  return shares.map(({ category, both: [left, right] }) => {
    const told = `${signed(100 * (right - left), 0)} points`;
    return row(category, swatch(category), [percent(left), percent(right), difference(right - left, told, colour(category))]);
  });
}

function dimensionRows(results: [Result, Result]): HTMLElement[] {
  const dimensions = [...new Set(results.flatMap(({ summary }) => Object.keys(summary.mean)))];
  return dimensions.map((dimension) => {
    const told = results.map(({ summary }) => meanTold(summary, dimension));
    const [left, right] = results.map(({ summary }) => summary.mean[dimension]);
    const known = left !== undefined && right !== undefined;
    return row(dimension, null, [...told, known ? difference(right - left, signed(right - left, 2), "currentColor") : "–"]);
  });
}

function difference(value: number, told: string, fill: string): HTMLElement {
  const length = Math.min(50, (50 * Math.abs(value)) / FULL);
  const bar = drawn("rect", { x: `${value < 0 ? 50 - length : 50}%`, width: `${length}%`, y: 1, height: 8, fill });
  const middle = drawn("line", { class: "half", x1: "50%", x2: "50%", y2: 10 });
  return element("div", { class: "difference" }, element("span", {}, told), drawn("svg", { width: "100%", height: 10, "aria-hidden": "true" }, middle, bar));
}

function signed(value: number, digits: number): string {
  const told = Math.abs(value).toFixed(digits);
  if (Number(told) === 0) return told;
  return `${value < 0 ? "−" : "+"}${told}`;
}
