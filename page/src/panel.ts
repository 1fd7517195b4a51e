// One recording on the page: its progress, what was said of it, and what moves while it plays.
import { Board } from "./board";
import { announce, button, element } from "./dom";
import { Downloads } from "./downloads";
import { now } from "./now";
import { Plane } from "./plane";
import { Player } from "./player";
import type { Recording } from "./recording";
import type { Format, Problem, Segment } from "./shapes";
import { care, facts, headline, summaries, timeTable, turningPoints } from "./tables";
import { Transcript } from "./transcript";
import { clock, percent, sentence, speakersOf, whyNot } from "./words";

const PAUSE = 4; // times as long as drawing took, before what is still coming is drawn again

interface Acts {
  remove: () => void;
  again: () => void;
}

export class Panel {
  readonly element: HTMLElement;
  private readonly title: HTMLElement;
  private readonly facts = element("p", { class: "facts" });
  private readonly progress = element("progress", { max: 1 });
  private readonly state = element("span", { class: "state" });
  private readonly stop: HTMLButtonElement;
  private readonly cancel: HTMLButtonElement;
  private readonly again: HTMLButtonElement;
  private readonly underWay: HTMLElement;
  private readonly problem = element("div", { role: "alert" });
  private readonly missing = element("p", { class: "hint" });
  private readonly overview = element("div", { class: "overview" });
  private readonly now = element("div", { class: "now" });
  private readonly later = element("div", { class: "later" });
  private readonly table = element("details", { class: "table" }, element("summary", {}, "Time line as a table"));
  private readonly body: HTMLElement;
  private readonly board: Board;
  private readonly player: Player;
  private readonly plane: Plane;
  private readonly transcript = new Transcript();
  private readonly downloads: Downloads;
  private segments: Segment[] = [];
  private active: number[] | null = null;
  private time_s = 0;
  private shared_s = 0;
  private drawn: unknown[] = [];
  private waits = false;
  private announced = "";
  private told: Problem | null = null;

  constructor(
    readonly recording: Recording,
    formats: Format[],
    acts: Acts,
  ) {
    const { id, name } = recording;
    const seek = (time_s: number, play: boolean) => this.seek(time_s, play);
    this.player = new Player(name, { moved: (time_s) => this.moved(time_s), step: (by) => this.step(by), zoom: (by) => this.board.zoomBy(by) });
    this.board = new Board(name, { seek, step: (by) => this.step(by), toggle: () => this.player.toggle() });
    this.plane = new Plane((time_s) => this.seek(time_s, true));
    this.downloads = new Downloads(recording, formats);
    this.title = element("h2", { id: `${id}-title`, tabindex: -1 }, element("bdi", {}, name));
    this.stop = button("Stop and judge", () => recording.stop(), { class: "primary" });
    this.cancel = button("Cancel", () => recording.cancel());
    this.again = button("Judge again", acts.again, { title: "With the words, speakers and categories given above" });
    const remove = button("Remove", acts.remove, { "aria-label": `Remove ${name}` });
    this.progress.setAttribute("aria-label", `Progress of ${name}`);
    this.underWay = element("div", { class: "under-way" }, this.progress, this.state, this.stop, this.cancel);
    const planeSide = element("section", { class: "plane-side" }, element("h3", {}, "Valence and arousal"), this.plane.element, this.now);
    const wordsSide = element("section", { class: "words-side" }, element("h3", {}, "Transcript"), this.transcript.waiting, this.transcript.element, this.later);
    this.body = element("div", { class: "body-of" }, this.player.element, this.missing, this.board.element, element("div", { class: "sides" }, wordsSide, planeSide), this.table);
    const top = element("header", {}, this.title, element("div", { class: "actions" }, this.downloads.element, this.again, remove));
    this.element = element("article", { id, "aria-labelledby": `${id}-title` }, top, this.facts, this.underWay, this.problem, this.overview, this.body);
    this.element.addEventListener("click", (event) => this.jumped(event));
    this.table.addEventListener("toggle", () => this.drawTable());
    recording.addEventListener("change", () => this.draw());
    this.draw();
  }

  focus(): void {
    this.title.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "start" });
  }

  /** Draw time as long as the longest of the recordings beside it is. */
  share(duration_s: number): void {
    if (this.shared_s === duration_s) return;
    this.shared_s = duration_s;
    this.board.draw(this.recording, duration_s);
  }

  /** Show it, or hide it and be silent. */
  show(isShown: boolean): void {
    this.element.hidden = !isShown;
    if (!isShown) this.player.pause();
  }

  discard(): void {
    this.player.discard();
    this.element.remove();
  }

  private draw(): void {
    this.drawState();
    const { recording } = this;
    const seen = [recording.segments, recording.result, recording.outline, recording.duration_s, recording.state];
    if (seen.every((each, index) => each === this.drawn[index])) this.drawCurrent();
    else this.drawSoon();
  }

  /** Draw anew; of changes that come fast, as many as leave time for the reader. */
  private drawSoon(): void {
    if (this.waits) return;
    const started = performance.now();
    this.drawAll();
    this.waits = true;
    setTimeout(() => {
      this.waits = false;
      this.draw();
    }, PAUSE * (performance.now() - started));
  }

  private drawAll(): void {
    const { recording } = this;
    const { segments, result, outline, duration_s, state } = recording;
    this.drawn = [segments, result, outline, duration_s, state];
    this.segments = segments;
    this.active = null;
    this.facts.textContent = facts(recording);
    const warnings = (result?.warnings ?? []).map((warning) => element("li", {}, warning));
    const list = warnings.length ? element("ul", { class: "warnings", "aria-label": "Warnings" }, ...warnings) : null;
    const parts = [headline(recording), list, result && segments.length ? summaries(result) : null];
    this.overview.replaceChildren(...parts.filter((part) => part !== null));
    this.later.replaceChildren(...[care(segments), result ? turningPoints(result) : null].filter((part) => part !== null));
    this.body.hidden = !segments.length && !outline && !recording.isLive;
    this.board.element.hidden = duration_s === 0;
    this.player.element.hidden = !recording.hasSound;
    this.player.open(recording.address, duration_s);
    this.board.draw(recording, this.shared_s);
    this.plane.draw(recording);
    this.transcript.draw(segments, speakersOf(segments, result));
    this.table.hidden = !segments.length;
    this.drawTable();
    this.moved(recording.isLive ? duration_s : this.player.time_s);
  }

  private drawTable(): void {
    for (const old of this.table.querySelectorAll(".wide")) old.remove();
    if (this.table.open) this.table.append(timeTable(this.segments));
  }

  private drawState(): void {
    const { recording } = this;
    const { isOnItsWay, isLive, progress, told, state, problem } = recording;
    const hides = !isOnItsWay && this.underWay.contains(document.activeElement);
    this.underWay.hidden = !isOnItsWay && state !== "cancelled";
    this.progress.hidden = state === "listening" || !isOnItsWay;
    if (progress === null) this.progress.removeAttribute("value");
    else this.progress.value = progress;
    this.state.textContent = progress === null || !isOnItsWay ? told : `${told}, ${percent(progress)}`;
    this.state.classList.toggle("listening", state === "listening");
    this.stop.hidden = state !== "listening";
    this.cancel.hidden = !isOnItsWay;
    this.again.hidden = !recording.canBeJudgedAgain;
    this.downloads.element.hidden = !recording.result || (isOnItsWay && !isLive);
    if (hides) this.title.focus({ preventScroll: true });
    this.missing.textContent = recording.outlineMissing;
    this.missing.hidden = recording.outlineMissing === null || !recording.result;
    if (problem !== this.told) this.problem.replaceChildren(...(problem ? [problemWords(problem)] : []));
    this.told = problem;
    this.tell(state === "done" ? this.summed() : told);
  }

  private summed(): string {
    return `done: ${headline(this.recording)?.textContent ?? "no result"}`;
  }

  private tell(words: string): void {
    const { name, state } = this.recording;
    if (words === this.announced || state === "waiting") return;
    this.announced = words;
    announce(`${name}: ${words}`);
  }

  private drawCurrent(): void {
    const { current, isLive } = this.recording;
    if (!isLive) return;
    this.facts.textContent = `${clock(this.recording.duration_s)} heard`;
    if (!current) return;
    this.plane.show([current], []);
    this.now.replaceChildren(...now([current], "the last seconds"));
  }

  private jumped(event: MouseEvent): void {
    const jump = (event.target as Element).closest<HTMLElement>(".jump");
    if (jump) this.seek(Number(jump.dataset.time), true);
  }

  private seek(time_s: number, play: boolean): void {
    this.player.seek(time_s);
    this.board.keepInView();
    if (play) this.player.start();
  }

  private step(direction: number): void {
    const starts = [...new Set(this.segments.map((segment) => segment.start_s))].sort((a, b) => a - b);
    const next =
      direction > 0
        ? starts.find((start) => start > this.time_s + 0.01)
        : starts.filter((start) => start < this.time_s - 0.01).at(-1);
    if (next !== undefined) this.seek(next, false);
  }

  /** Move everything to a time: the playhead, the head in the plane, the line of the transcript. */
  private moved(time_s: number): void {
    this.time_s = time_s;
    const active: number[] = [];
    this.segments.forEach((segment, index) => {
      if (isHeardAt(segment, time_s)) active.push(index);
    });
    const changed = this.active === null || this.active.join() !== active.join();
    this.active = active;
    const heard = active.map((index) => this.segments[index]);
    const past = pastOf(this.segments, time_s);
    this.board.show(time_s, changed ? spoken(time_s, heard) : null);
    this.board.keepInView();
    this.transcript.show(active, time_s, changed);
    if (this.recording.isLive) this.drawCurrent();
    else if (changed) {
      this.plane.show(heard, past);
      const latest = past.reduce<Segment | null>((late, each) => (late && late.end_s > each.end_s ? late : each), null);
      this.now.replaceChildren(...(heard.length || !latest ? now(heard) : now([latest], "last")));
    }
  }
}

/** Words alone have no length, and are heard as long as nothing else is. */
const isHeardAt = ({ start_s, end_s }: Segment, time_s: number): boolean =>
  start_s <= time_s && (time_s < end_s || start_s === end_s);

/** What each speaker said last before a time. */
function pastOf(segments: Segment[], time_s: number): Segment[] {
  const latest = new Map<string | null, Segment>();
  for (const segment of segments) if (segment.end_s <= time_s) latest.set(segment.speaker, segment);
  return [...latest.values()];
}

function spoken(time_s: number, heard: Segment[]): string {
  const parts = heard.map(({ speaker, category, ...rest }) =>
    `${speaker ?? ""} ${rest.abstain ? `not judged, ${whyNot({ ...rest, speaker, category })}` : (category ?? "")}`.trim(),
  );
  return [clock(time_s), ...parts].join(", ");
}

function problemWords({ title, detail, given, valid, remedy }: Problem): HTMLElement {
  const lines = given ? [given, valid, remedy] : [detail, remedy];
  const told = lines.filter((line) => line !== undefined).map((line) => element("p", {}, sentence(line)));
  return element("div", { class: "problem" }, element("h3", {}, title), ...told);
}
