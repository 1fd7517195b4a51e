// The transcript: each segment with its time, speaker, category, what else it may be, and its words.
import { type Child, element } from "./dom";
import { lineSample, swatch } from "./picture";
import type { Segment } from "./shapes";
import { jump } from "./tables";
import { confidence, flagName, flagsOf, isJudged, othersOf, percent, reason, valueTold, whyNot } from "./words";

export class Transcript {
  /** Stands where no line is yet. */
  readonly waiting = element("p", { class: "hint" }, "Words and estimates appear here as they are made.");
  readonly element = element("ol", { class: "transcript", tabindex: -1 });
  private drawn: string[] = [];
  private heard: Element[] = [];

  constructor() {
    this.element.addEventListener("keydown", (event) => this.walk(event));
  }

  /** Draw the segments; lines that stay the same are left alone, so that nobody who reads them is disturbed. */
  draw(segments: Segment[], speakers: (string | null)[]): void {
    const wanted = segments.map((segment) => JSON.stringify([segment, speakers.indexOf(segment.speaker)]));
    segments.forEach((segment, index) => {
      if (this.drawn[index] === wanted[index]) return;
      const made = line(segment, index, speakers.indexOf(segment.speaker));
      const old = this.element.children[index];
      if (old) old.replaceWith(made);
      else this.element.append(made);
    });
    this.waiting.hidden = segments.length > 0;
    while (this.element.children.length > segments.length) this.element.lastElementChild!.remove();
    this.drawn = wanted;
    if (!this.element.querySelector('[tabindex="0"]')) this.firstJump()?.setAttribute("tabindex", "0");
  }

  /** Mark the lines that are heard at a time; `changed` where they are others than before. */
  show(active: number[], time_s: number, changed: boolean): void {
    const items = [...this.element.children] as HTMLElement[];
    const words = active.flatMap((index) => [...(items[index]?.querySelectorAll<HTMLElement>(".word") ?? [])]);
    const heard = words.filter(({ dataset }) => Number(dataset.start) <= time_s && time_s < Number(dataset.end));
    for (const word of this.heard) word.classList.remove("heard");
    for (const word of heard) word.classList.add("heard");
    this.heard = heard;
    if (changed) this.mark(items, active);
  }

  private mark(items: HTMLElement[], active: number[]): void {
    items.forEach((item, index) => {
      const current = active.includes(index);
      item.classList.toggle("current", current);
      item.querySelector(".jump")?.setAttribute("tabindex", current ? "0" : "-1");
      if (current) item.setAttribute("aria-current", "true");
      else item.removeAttribute("aria-current");
    });
    if (!active.length) this.firstJump()?.setAttribute("tabindex", "0");
    const first = items[active[0]];
    if (!first) return;
    const room = this.element.clientHeight - first.offsetHeight;
    const top = first.offsetTop - this.element.scrollTop;
    if (top < 0 || top > room) this.element.scrollTop = first.offsetTop - room / 3;
  }

  private firstJump(): Element | null {
    return this.element.querySelector(".jump");
  }

  private walk(event: KeyboardEvent): void {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const from = (event.target as Element).closest("li");
    if (!by || !from) return;
    const to = by < 0 ? from.previousElementSibling : from.nextElementSibling;
    event.preventDefault();
    to?.querySelector<HTMLElement>(".jump")?.focus();
  }
}

function line(segment: Segment, index: number, place: number): HTMLElement {
  const who = segment.speaker === null ? [] : [lineSample(place), element("bdi", {}, segment.speaker)];
  const time = jump(segment.start_s);
  time.tabIndex = -1;
  const first = element("div", {}, time, element("span", { class: "who" }, ...who), verdict(segment));
  const words = segment.text ? element("p", { class: "words", dir: "auto" }, ...wordsOf(segment)) : null;
  const state = isJudged(segment) ? null : "unjudged";
  return element("li", { class: state, "data-segment": index }, first, words, remarks(segment));
}

/** The text, each word with its time where that is known, so that the one which is heard can be marked. */
function wordsOf(segment: Segment): Child[] {
  if (!segment.words.length) return [segment.text];
  return segment.words.flatMap((word, index) => [
    index ? " " : "",
    element("span", { class: "word", "data-start": word.start_s, "data-end": word.end_s }, word.text),
  ]);
}

function verdict(segment: Segment): HTMLElement {
  if (segment.abstain !== null || segment.category === null) {
    const estimate = segment.category ? ` (estimate, not to be used: ${segment.category})` : "";
    const why = segment.abstain ? `: ${reason(segment.abstain)}` : "";
    return element("span", { class: "verdict" }, swatch(null), `not judged, ${whyNot(segment)}${why}${estimate}`);
  }
  const sure = confidence(segment);
  const others = othersOf(segment);
  const maybe = others.length ? element("span", { class: "maybe" }, ` or ${others.join(", ")}`) : null;
  return element("span", { class: "verdict" }, swatch(segment.category, sure), element("b", {}, segment.category), ` ${percent(sure)}`, maybe);
}

function remarks(segment: Segment): HTMLElement | null {
  if (!isJudged(segment)) return null;
  const dimensions = Object.keys(segment.dimensions).map((name) => `${name} ${valueTold(segment, name)}`).join(", ");
  const only = segment.modalities.length === 1 ? [`${segment.modalities[0]} only`] : [];
  const flags = flagsOf(segment).flatMap((flag) => [" ", element("mark", { title: reason(flag) }, flagName(flag))]);
  return element("p", { class: "remarks" }, [dimensions, ...only].join(" · "), ...flags);
}
