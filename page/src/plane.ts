// The valence-arousal plane, as src/emobridge/visualization/plane.py draws it; what is heard moves through it.
import { clamp, drawn } from "./dom";
import type { Recording } from "./recording";
import type { Segment, Summary } from "./shapes";
import { colour, confidence, isJudged, opacity, speakersOf, told } from "./words";

const [SIDE, LEFT, TOP, FIELD] = [320, 30, 8, 280];
const [BOTTOM, RIGHT, MIDDLE_X, MIDDLE_Y] = [TOP + FIELD, LEFT + FIELD, LEFT + FIELD / 2, TOP + FIELD / 2];
const SHAPES = 4;
const CROWDED = 60;
const TRAIL = 6;

type Place = [number, number];

export class Plane {
  readonly element: SVGSVGElement;
  private readonly points = drawn("g", { class: "points" });
  private readonly means = drawn("g");
  private readonly trails = drawn("g", { class: "head" });
  private readonly moving = drawn("g", { class: "head" });
  private readonly heads = new Map<string | null, SVGGElement>();
  private segments: Segment[] = [];

  constructor(seek: (time_s: number) => void) {
    const label = "Valence and arousal of each judged segment; the table of the time line says the same in words";
    const view = { class: "plane", viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": label };
    this.element = drawn("svg", view, ...frame(), this.trails, this.points, this.means, this.moving);
    this.points.addEventListener("click", (event) => {
      const point = (event.target as Element).closest<SVGElement>("[data-time]");
      if (point) seek(Number(point.dataset.time));
    });
  }

  draw({ segments, result }: Recording): void {
    this.segments = segments;
    const speakers = speakersOf(segments, result);
    const size = segments.length > CROWDED ? "-small" : "";
    const points = segments.map((segment) => point(segment, speakers.indexOf(segment.speaker), size));
    this.points.replaceChildren(...points.filter((each) => each !== null));
    const means = speakers.map((speaker, index) => {
      const summary = speaker === null ? undefined : result?.speakers[speaker];
      return summary && speaker !== null ? mean(speaker, index, summary) : null;
    });
    this.means.replaceChildren(...means.filter((each) => each !== null));
  }

  /**
   * Show what is heard: a head for each speaker, the interval about it, and the way it came; who is silent keeps a faint
   * head where the last words, of `past`, were.
   */
  show(active: Segment[], past: Segment[]): void {
    const held = active.filter((segment) => placeOf(segment) !== null);
    const speaking = held.map((segment) => segment.speaker);
    const silent = past.filter((segment) => placeOf(segment) !== null && !speaking.includes(segment.speaker));
    const shown = [...speaking, ...silent.map((segment) => segment.speaker)];
    for (const [speaker, head] of this.heads) {
      if (shown.includes(speaker)) continue;
      head.remove();
      this.heads.delete(speaker);
    }
    this.trails.replaceChildren(...held.flatMap((segment) => this.trail(segment)));
    for (const segment of held) this.move(segment, false, held.length > 1);
    for (const segment of silent) this.move(segment, true, false);
  }

  private move(segment: Segment, isPast: boolean, isNamed: boolean): void {
    const [x, y] = placeOf(segment)!;
    const head = this.heads.get(segment.speaker) ?? this.newHead(segment.speaker);
    head.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    head.classList.toggle("past", isPast);
    head.querySelector("text")!.textContent = isNamed ? (segment.speaker ?? "") : "";
  }

  private newHead(speaker: string | null): SVGGElement {
    const head = drawn("g", { class: "mover" }, drawn("circle", { r: 8 }), drawn("text", { x: 12, y: -8 }));
    this.heads.set(speaker, head);
    this.moving.append(head);
    return head;
  }

  private trail(segment: Segment): SVGElement[] {
    const { valence, arousal } = segment.intervals;
    const before = this.segments.filter((each) => each.speaker === segment.speaker && each.start_s <= segment.start_s);
    const places = before.map(placeOf).filter((place) => place !== null).slice(-TRAIL);
    const way = drawn("polyline", { points: places.map((place) => place.join()).join(" ") });
    if (!valence || !arousal) return [way];
    const [[x, y], [right, bottom]] = [onPlane(valence[0], arousal[1]), onPlane(valence[1], arousal[0])];
    return [drawn("rect", { x, y, width: right - x, height: bottom - y }), way];
  }
}

function onPlane(valence: number, arousal: number): Place {
  return [LEFT + FIELD * clamp(valence, 0, 1), TOP + FIELD * (1 - clamp(arousal, 0, 1))];
}

function placeOf(segment: Segment): Place | null {
  const { valence, arousal } = segment.dimensions;
  return isJudged(segment) && valence !== undefined && arousal !== undefined ? onPlane(valence, arousal) : null;
}

function point(segment: Segment, place: number, size: string): SVGElement | null {
  const at = placeOf(segment);
  if (!at) return null;
  const fill = { fill: colour(segment.category ?? "neutral"), "fill-opacity": opacity(confidence(segment)) };
  const mark = { href: `#mark-${place % SHAPES}${size}`, x: at[0].toFixed(1), y: at[1].toFixed(1), "data-time": segment.start_s };
  return drawn("use", { ...mark, ...fill }, drawn("title", {}, told(segment)));
}

/** A speaker's mean as a mark with its name, and an ellipse of one standard deviation. */
function mean(name: string, index: number, summary: Summary): SVGElement | null {
  const { valence, arousal } = summary.mean;
  if (valence === undefined || arousal === undefined) return null;
  const [x, y] = onPlane(valence, arousal);
  const spread = { rx: FIELD * summary.spread.valence, ry: FIELD * summary.spread.arousal };
  return drawn(
    "g",
    { class: "mean" },
    drawn("ellipse", { cx: x, cy: y, ...spread }),
    drawn("use", { href: `#mark-${index % SHAPES}`, x, y }),
    drawn("text", { x: x + 9, y: y + 4 }, name),
  );
}

function frame(): SVGElement[] {
  const bottom = [["0 unpleasant", LEFT, "start"], ["valence", MIDDLE_X, "middle"], ["pleasant 1", RIGHT, "end"]] as const;
  const side = [["0 calm", BOTTOM, "start"], ["arousal", MIDDLE_Y, "middle"], ["excited 1", TOP, "end"]] as const;
  return [
    drawn("rect", { class: "field", x: LEFT, y: TOP, width: FIELD, height: FIELD }),
    drawn("line", { class: "half", x1: LEFT, x2: RIGHT, y1: MIDDLE_Y, y2: MIDDLE_Y }),
    drawn("line", { class: "half", x1: MIDDLE_X, x2: MIDDLE_X, y1: TOP, y2: BOTTOM }),
    ...bottom.map(([text, x, anchor]) => drawn("text", { x, y: BOTTOM + 14, "text-anchor": anchor }, text)),
    ...side.map(([text, y, anchor]) =>
      drawn("text", { transform: `translate(${LEFT - 8} ${y}) rotate(-90)`, "text-anchor": anchor }, text),
    ),
  ];
}
