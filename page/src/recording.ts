// One recording of this page: what was given, how far the service is with it, and what it says so far.
import { Live } from "./microphone";
import type { Job, Problem, Result, Segment } from "./shapes";
import { Refused, follow, forget, jobAt, resultOf, send } from "./service";
import { plural } from "./words";
import { type Outline, outlineOf } from "./outline";

export type State =
  | "sending" | "waiting" | "queued" | "decoding" | "judging" // on its way
  | "listening" | "ending" // from the microphone
  | "done" | "failed" | "cancelled";

/** What may be known of a recording besides its sound. */
export interface Known {
  transcript: string | File | null;
  speakers: string | File | null;
  categories: string | null;
}

const ON_ITS_WAY: State[] = ["sending", "waiting", "queued", "decoding", "judging", "listening", "ending"];
type Changes = Partial<
  Pick<Recording, "state" | "progress" | "segments" | "current" | "problem" | "outline" | "outlineMissing" | "length_s">
>;
let count = 0;

/** Tells of every change by an event `change`. */
export class Recording extends EventTarget {
  readonly id = `recording-${count++}`;
  state: State = "queued";
  progress: number | null = null;
  segments: Segment[] = [];
  /** From the microphone: an estimate of the present, which has no part in the result. */
  current: Segment | null = null;
  result: Result | null = null;
  problem: Problem | null = null;
  outline: Outline | null = null;
  outlineMissing: string | null = null;
  address: string | null = null;
  /** Of what is known so far, before there is a result. */
  length_s = 0;
  private waiting = "";
  private job: Job | null = null;
  private live: Live | null = null;
  private control = new AbortController();

  /** A file, or `null` where there are words alone or the microphone is heard. */
  constructor(
    readonly name: string,
    private file: File | null,
    private known: Known,
  ) {
    super();
    if (file) this.hold(file);
  }

  get duration_s(): number {
    return this.result?.duration_s ?? Math.max(this.length_s, this.segments.at(-1)?.end_s ?? 0);
  }

  get isOnItsWay(): boolean {
    return ON_ITS_WAY.includes(this.state);
  }

  get isLive(): boolean {
    return this.state === "listening" || this.state === "ending";
  }

  get hasSound(): boolean {
    return this.address !== null;
  }

  /** How far it is, in words. */
  get told(): string {
    const words: Record<State, string> = {
      sending: "sending",
      waiting: this.waiting,
      queued: this.waiting || "waiting for its turn",
      decoding: "reading the sound",
      judging: "judging",
      listening: "recording from the microphone",
      ending: "making the result",
      done: "done",
      failed: "failed",
      cancelled: "cancelled",
    };
    return words[this.state];
  }

  /** Have it judged with what is known of it. */
  async judge(known: Known = this.known): Promise<void> {
    this.known = known;
    this.drop();
    this.control = new AbortController();
    this.result = null;
    this.change({ segments: [], problem: null, progress: 0 });
    await this.guarded(async () => {
      this.job = await this.sent();
      await this.followed();
      this.result = await resultOf(this.job, this.control.signal);
      this.segments = this.result.segments;
    });
  }

  /** Hear the microphone until `stop`. */
  async listen(): Promise<void> {
    this.control = new AbortController();
    this.state = "listening";
    await this.guarded(async () => {
      this.live = new Live({
        heard: (segment) => this.change({ segments: [...this.segments, segment] }),
        current: (current) => this.change({ current }),
        sound: (length_s, outline) => this.change({ length_s, outline }),
        categories: this.known.categories,
      });
      this.result = await this.live.listen(this.control.signal);
      this.current = null;
      this.segments = this.result.segments;
      this.file = this.live.recording(this.name);
      this.hold(this.file);
    });
    this.live = null;
  }

  /** Stop the microphone; the result follows. */
  stop(): void {
    this.change({ state: "ending" });
    this.live?.stop();
  }

  /** The job that holds the result; a recording of the microphone is first judged as a file. */
  async finished(): Promise<Job | null> {
    if (!this.job && this.file) await this.judge();
    return this.state === "done" ? this.job : null;
  }

  cancel(): void {
    this.control.abort(new DOMException("cancelled", "AbortError"));
    this.drop();
    if (this.isOnItsWay) this.change({ state: "cancelled" });
  }

  /** Let go of everything, here and at the service. */
  discard(): void {
    this.cancel();
    if (this.address) URL.revokeObjectURL(this.address);
  }

  get canBeJudgedAgain(): boolean {
    return !this.isOnItsWay && (this.file !== null || this.known.transcript !== null);
  }

  private drop(): void {
    if (this.job) forget(this.job);
    this.job = null;
  }

  private hold(file: File): void {
    this.address = URL.createObjectURL(file);
    outlineOf(file).then(
      (outline) => this.change({ outline, length_s: this.length_s || outline.duration_s }),
      (error: Error) => this.change({ outlineMissing: error.message }),
    );
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    const { signal } = this.control;
    try {
      await work();
      this.change({ state: "done", progress: 1 });
    } catch (error) {
      if (signal !== this.control.signal) return;
      this.current = null;
      if (signal.aborted) this.change({ state: "cancelled" });
      else {
        if (!(error instanceof Refused)) console.error(error);
        this.change({ state: "failed", problem: error instanceof Refused ? error.problem : broken(error) });
      }
    }
  }

  private sent(): Promise<Job> {
    this.change({ state: "sending" });
    const form = new FormData();
    if (this.file) form.set("recording", this.file, this.file.name);
    for (const [name, value] of Object.entries(this.known)) if (value !== null) form.set(name, value);
    return send(form, {
      signal: this.control.signal,
      sent: (progress) => this.change({ state: "sending", progress }),
      waiting: (seconds) => {
        this.waiting = `the service is busy; asking again in ${plural(Math.round(seconds), "second")}`;
        this.change({ state: "waiting", progress: null });
      },
    });
  }

  private async followed(): Promise<void> {
    const job = this.job!;
    const place = job.position ?? 0;
    this.waiting = place > 0 ? `waiting for its turn, ${plural(place, "recording")} before it` : "";
    this.change({ state: "queued", progress: null });
    await follow(job, {
      signal: this.control.signal,
      progress: (state, progress) => {
        if (state === "judging" && this.length_s === 0) void this.measured(job);
        this.change({ state: state === "done" ? "judging" : state, progress: state === "judging" ? progress : null });
      },
      segments: (segments) => this.change({ segments }),
    });
  }

  /** Ask how long a recording is that this browser cannot read. */
  private async measured(job: Job): Promise<void> {
    const { duration_s } = await jobAt(job.links.self, this.control.signal).catch(() => job);
    if (duration_s) this.change({ length_s: duration_s });
  }

  private change(changes: Changes): void {
    Object.assign(this, changes);
    this.dispatchEvent(new Event("change"));
  }
}

const broken = (error: unknown): Problem => ({
  title: "This page failed",
  status: 0,
  detail: error instanceof Error ? error.message : String(error),
});
