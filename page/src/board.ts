// A recording along time: strips under each other, as src/emobridge/visualization/strips.py draws them, and a playhead.
// Places along time are percentages, so that zooming makes the strips wider and nothing is drawn anew.
import { type Child, clamp, drawn, element } from "./dom";
import { HATCH, lineSample, styleOf } from "./picture";
import type { Outline } from "./outline";
import type { Recording } from "./recording";
import type { Result, Segment } from "./shapes";
import { trend } from "./trend";
import { clock, colour, confidence, dimensionsOf, flagName, flagsOf, isJudged, opacity, speakerName, speakersOf, told, whyNot } from "./words";

const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const [TICK_PX, LABEL_PX, SHORT_LABEL_PX, WAVEFORM_PX, LANE_PX, CURVE_PX] = [90, 45, 28, 56, 34, 84];
const CURVE_UNITS = 1000;
const SHORTEST_VIEW_S = 15;
const LIVE_SPANS_S = [10, 20, 40, 60, 120, 300, 600, 1200, 1800, 3600];
const CROWDED = 60;
const LONG_STEP_S = 5;

interface Acts {
  /** Go to a time; `play` where a reader pointed at it. */
  seek: (time_s: number, play: boolean) => void;
  step: (direction: number) => void;
  toggle: () => void;
}

export class Board {
  readonly element: HTMLElement;
  private readonly names = element("div", { class: "names" });
  private readonly strips = element("div", { class: "strips" });
  private readonly playhead = element("div", { class: "playhead" });
  private readonly scroll: HTMLElement;
  private readonly ticks = drawn("svg", { class: "ticks", width: "100%", height: 22, "aria-hidden": "true" });
  private span_s = 1;
  private duration_s = 1;
  private time_s = 0;
  private zoom = 1;
  private lengths_s: number[] = [];

  constructor(
    name: string,
    private readonly acts: Acts,
  ) {
    const slider = { tabindex: 0, role: "slider", "aria-label": `Time in ${name}`, "aria-valuemin": 0, "aria-valuenow": 0 };
    this.scroll = element("div", { class: "scroll", ...slider }, this.strips);
    this.element = element("div", { class: "board" }, this.names, this.scroll);
    this.strips.addEventListener("click", (event) => {
      const box = this.strips.getBoundingClientRect();
      acts.seek(((event.clientX - box.left) / box.width) * this.span_s, true);
    });
    this.scroll.addEventListener("keydown", (event) => this.press(event));
    this.scroll.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    new ResizeObserver(() => this.drawTicks()).observe(this.strips);
  }

  /** Draw what is known now; `shared_s` is the length of the longest recording beside it. */
  draw(recording: Recording, shared_s = 0): void {
    const { segments, result, outline } = recording;
    this.duration_s = Math.max(recording.duration_s, 0.001);
    const live = recording.isLive ? (LIVE_SPANS_S.find((span) => span >= this.duration_s) ?? this.duration_s) : 0;
    this.span_s = Math.max(this.duration_s, shared_s, live);
    this.lengths_s = segments.map((segment) => segment.end_s - segment.start_s).sort((a, b) => a - b);
    const rows: [string, Child[], SVGElement][] = [["axis", [], this.ticks]];
    if (outline) rows.push(["wave", ["sound"], this.waveform(outline)]);
    speakersOf(segments, result).forEach((speaker, place) => {
      const title = [lineSample(place), element("bdi", {}, speakerName(speaker))];
      rows.push(["lane", title, this.lane(segments.filter((each) => each.speaker === speaker), speaker)]);
    });
    for (const dimension of dimensionsOf(segments)) {
      const scale = element("small", { "aria-hidden": "true" }, ...["1", "½", "0"].map((each) => element("i", {}, each)));
      rows.push(["curve", [element("span", {}, dimension), scale], this.curve(segments, result, dimension)]);
    }
    this.names.replaceChildren(...rows.map(([kind, name]) => element("div", { class: kind }, ...name)));
    this.strips.replaceChildren(...rows.map(([kind, , drawing]) => element("div", { class: kind }, drawing)), this.playhead);
    this.scroll.setAttribute("aria-valuemax", this.duration_s.toFixed(1));
    this.drawTicks();
    this.show(this.time_s, null);
  }

  /** Put the playhead at a time; `words` say what is heard there, null where that has not changed. */
  show(time_s: number, words: string | null): void {
    this.time_s = time_s;
    this.playhead.style.left = this.percent(time_s);
    this.scroll.setAttribute("aria-valuenow", time_s.toFixed(1));
    if (words !== null) this.scroll.setAttribute("aria-valuetext", words);
  }

  keepInView(): void {
    const at = (this.time_s / this.span_s) * this.strips.offsetWidth;
    const { scrollLeft, clientWidth } = this.scroll;
    if (at < scrollLeft || at > scrollLeft + clientWidth * 0.9) this.scroll.scrollLeft = at - clientWidth * 0.1;
  }

  zoomBy(factor: number): void {
    const at = (this.time_s / this.span_s) * this.strips.offsetWidth - this.scroll.scrollLeft;
    const anchor = at >= 0 && at <= this.scroll.clientWidth ? at : this.scroll.clientWidth / 2;
    this.zoom = clamp(this.zoom * factor, 1, Math.max(1, this.span_s / SHORTEST_VIEW_S));
    this.strips.style.width = `${100 * this.zoom}%`;
    this.scroll.scrollLeft = (this.time_s / this.span_s) * this.strips.offsetWidth - anchor;
    this.drawTicks();
  }

  private press(event: KeyboardEvent): void {
    const by = event.shiftKey ? 0.5 : LONG_STEP_S;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.acts.seek(this.time_s - by, false),
      ArrowRight: () => this.acts.seek(this.time_s + by, false),
      Home: () => this.acts.seek(0, false),
      End: () => this.acts.seek(this.duration_s, false),
      PageUp: () => this.acts.step(-1),
      PageDown: () => this.acts.step(1),
      "+": () => this.zoomBy(2),
      "=": () => this.zoomBy(2),
      "-": () => this.zoomBy(1 / 2),
      " ": () => this.acts.toggle(),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  private turn(event: WheelEvent): void {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoomBy(event.deltaY < 0 ? 1.5 : 1 / 1.5);
  }

  private percent(time_s: number): string {
    return `${((100 * time_s) / this.span_s).toFixed(4)}%`;
  }

  private drawTicks(): void {
    const width = this.strips.offsetWidth;
    const step = STEPS_S.find((each) => (each / this.span_s) * width >= TICK_PX) ?? STEPS_S[STEPS_S.length - 1];
    const marks: SVGElement[] = [];
    for (let time = 0; time <= this.span_s; time += step) {
      const x = this.percent(time);
      const isLast = time > this.span_s - step / 3;
      const text = drawn("text", { x, y: 12, dx: isLast ? -3 : 3, "text-anchor": isLast ? "end" : "start" }, clock(time, step < 1 ? 1 : 0));
      marks.push(drawn("line", { x1: x, x2: x, y1: 15, y2: 22 }), text);
    }
    this.ticks.replaceChildren(...marks);
    const usual_s = this.lengths_s[Math.floor(this.lengths_s.length / 2)] ?? 0;
    const usual_px = (usual_s / this.span_s) * width;
    this.element.classList.toggle("roomy", usual_px > LABEL_PX);
    this.element.classList.toggle("tight", usual_px < SHORT_LABEL_PX);
  }

  private waveform({ low, high, duration_s }: Outline): SVGElement {
    const peak = Math.max(1e-6, ...high, ...low.map((each) => -each));
    const point = (value: number, index: number) => `${index} ${-Math.round((100 * value) / peak)}`;
    const path = drawn("path", { d: `M${high.map(point).join(" ")}L${low.map(point).reverse().join(" ")}Z` });
    const view = { viewBox: `0 -104 ${Math.max(1, low.length - 1)} 208`, preserveAspectRatio: "none" };
    const inner = drawn("svg", { width: this.percent(duration_s), height: "100%", ...view }, path);
    return drawn("svg", { width: "100%", height: WAVEFORM_PX, role: "img", "aria-label": "Waveform, scaled to its loudest sample" }, inner);
  }

  private lane(segments: Segment[], speaker: string | null): SVGElement {
    const label = `Categories of ${speakerName(speaker)} over time; the table below says the same in words`;
    const packed = this.lengths_s.length > CROWDED ? "packed" : null;
    const blocks = segments.map((segment) => this.block(segment));
    return drawn("svg", { class: packed, width: "100%", height: LANE_PX, role: "img", "aria-label": label }, ...blocks);
  }

  private block(segment: Segment): SVGElement {
    const unjudged = segment.abstain !== null || segment.category === null;
    const fill = unjudged ? { fill: HATCH } : { fill: colour(segment.category!), "fill-opacity": opacity(confidence(segment)) };
    const place = { x: this.percent(segment.start_s), width: this.percent(segment.end_s - segment.start_s), y: 4, height: LANE_PX - 8 };
    return drawn(
      "svg",
      place,
      drawn("title", {}, told(segment)),
      drawn("rect", { class: "body", width: "100%", height: "100%", ...fill }),
      flagsOf(segment).length ? drawn("rect", { class: "flag", y: "85%", width: "100%", height: "15%" }) : null,
      drawn("text", { x: 6, y: 17 }, unjudged ? flagName(whyNot(segment)) : segment.category),
    );
  }

  private curve(segments: Segment[], result: Result | null, dimension: string): SVGElement {
    const lines = speakersOf(segments, result).flatMap((speaker, place) => {
      const held = segments.filter((each) => each.speaker === speaker && isJudged(each) && dimension in each.dimensions);
      const mean = trend(held, dimension, this.duration_s);
      const style = styleOf(place);
      return [
        drawn("path", { class: `band ${style}`, d: bands(held, dimension) }),
        drawn("path", { class: `line ${style}${mean ? " faint" : ""}`, d: levels(held, dimension) }),
        ...(mean ? [drawn("path", { class: `trend ${style}`, d: runs(mean) })] : []),
      ];
    });
    const view = { viewBox: `0 0 ${Math.round(100 * this.span_s)} ${CURVE_UNITS}`, preserveAspectRatio: "none" };
    const inner = drawn("svg", { y: 4, width: "100%", height: CURVE_PX - 8, ...view }, ...lines);
    const half = drawn("line", { class: "half", x2: "100%", y1: "50%", y2: "50%" });
    const label = `${dimension} over time from 0 to 1, with 90 % intervals where they were measured; the table below says the same in words`;
    return drawn("svg", { width: "100%", height: CURVE_PX, role: "img", "aria-label": label }, half, inner, ...this.turned(result, dimension));
  }

  /** A mark on the upper edge for each turning point of the recording and of its speakers. */
  private turned(result: Result | null, dimension: string): SVGElement[] {
    const summaries = result ? [result.summary, ...Object.values(result.speakers)] : [];
    const points = summaries.flatMap((each) => each.turning_points).filter((point) => point.dimension === dimension);
    return points.map((point) =>
      drawn(
        "svg",
        { x: this.percent(point.time_s), class: "turned-at" },
        drawn("path", { d: "M-5 0H5L0 8Z", class: "turned" }),
        drawn("title", {}, `${clock(point.time_s)}: ${dimension} ${point.before.toFixed(2)} → ${point.after.toFixed(2)}`),
      ),
    );
  }
}

const across = (time_s: number): number => Math.round(100 * time_s);
const up = (value: number): number => Math.round(CURVE_UNITS * (1 - clamp(value, 0, 1)));

/** One level a segment, joined by a step where one segment follows another at once. */
function levels(segments: Segment[], dimension: string): string {
  let reached_s = -1;
  return segments
    .map((each) => {
      const height = up(each.dimensions[dimension]);
      const start = each.start_s === reached_s ? `V${height}` : `M${across(each.start_s)} ${height}`;
      reached_s = each.end_s;
      return `${start}H${across(each.end_s)}`;
    })
    .join("");
}

function bands(segments: Segment[], dimension: string): string {
  return segments
    .filter((each) => each.intervals[dimension])
    .map((each) => {
      const [low, high] = each.intervals[dimension];
      return `M${across(each.start_s)} ${up(low)}H${across(each.end_s)}V${up(high)}H${across(each.start_s)}Z`;
    })
    .join("");
}

const runs = (mean: [number, number][][]): string =>
  mean.map((run) => `M${run.map(([time_s, value]) => `${across(time_s)} ${up(value)}`).join(" ")}`).join("");
