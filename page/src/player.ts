// Plays the recording from this computer; what moves with it is told by `moved`.
import { button, element } from "./dom";
import { clock } from "./words";

const RATES = [0.75, 1, 1.25, 1.5, 2];
let sounding: HTMLAudioElement | null = null;

interface Acts {
  moved: (time_s: number) => void;
  step: (direction: number) => void;
  zoom: (factor: number) => void;
}

export class Player {
  readonly element: HTMLElement;
  private readonly audio = element("audio", { preload: "metadata" });
  private readonly play: HTMLButtonElement;
  private readonly time = element("span", { class: "time" });
  private readonly hint = element("p", { class: "hint" });
  private duration_s = 0;
  time_s = 0;
  private isPlayable = false;

  constructor(
    name: string,
    private readonly acts: Acts,
  ) {
    this.play = button("", () => this.toggle(), { class: "play", "aria-label": `Play ${name}`, "aria-pressed": "false" });
    this.play.append(element("span", { "aria-hidden": "true" }));
    const rates = RATES.map((rate) => element("option", { value: rate, selected: rate === 1 }, `${rate}×`));
    const rate = element("select", { "aria-label": "Speed" }, ...rates);
    rate.addEventListener("change", () => (this.audio.playbackRate = Number(rate.value)));
    const word = () => element("span", { class: "long" }, "segment");
    const steps = [
      button("◂", () => acts.step(-1), { "aria-label": "Previous segment", title: "Previous segment (Page Up on the time line)" }),
      button("", () => acts.step(1), { "aria-label": "Next segment", title: "Next segment (Page Down on the time line)" }),
    ];
    steps[0].append(word());
    steps[1].append(word(), "▸");
    const zooms = [
      button("−", () => acts.zoom(1 / 2), { "aria-label": "Zoom out", title: "Zoom out (− on the time line)" }),
      button("+", () => acts.zoom(2), { "aria-label": "Zoom in", title: "Zoom in (+ on the time line)" }),
    ];
    const group = (...buttons: HTMLElement[]) => element("span", { class: "buttons" }, ...buttons);
    const controls = element("div", { class: "controls" }, this.play, this.time, group(...steps), group(...zooms), rate);
    this.element = element("div", { class: "player" }, this.audio, controls, this.hint);
    this.listen();
  }

  /** Take a recording's address and its length as the service tells it. */
  open(address: string | null, duration_s: number): void {
    this.duration_s = duration_s;
    this.tell();
    if (!address || this.audio.getAttribute("src") === address) return;
    this.audio.src = address;
    this.isPlayable = true;
    this.show();
  }

  toggle(): void {
    if (this.audio.paused) this.start();
    else this.audio.pause();
  }

  start(): void {
    if (this.isPlayable) void this.audio.play().catch(() => this.fail());
  }

  seek(time_s: number): void {
    this.time_s = Math.min(Math.max(0, time_s), this.duration_s);
    if (this.isPlayable) this.audio.currentTime = this.time_s;
    this.tell();
    this.acts.moved(this.time_s);
  }

  pause(): void {
    this.audio.pause();
  }

  discard(): void {
    this.audio.pause();
    this.audio.removeAttribute("src");
  }

  private listen(): void {
    this.audio.addEventListener("play", () => {
      if (sounding !== this.audio) sounding?.pause();
      sounding = this.audio;
      this.show();
      this.follow();
    });
    this.audio.addEventListener("pause", () => this.show());
    this.audio.addEventListener("seeked", () => this.follow());
    this.audio.addEventListener("error", () => this.fail());
  }

  private follow(): void {
    this.time_s = this.audio.currentTime;
    this.tell();
    this.acts.moved(this.time_s);
    if (!this.audio.paused) requestAnimationFrame(() => this.follow());
  }

  private fail(): void {
    if (!this.audio.getAttribute("src")) return;
    this.isPlayable = false;
    this.show();
    this.hint.textContent = "This browser cannot play this kind of file; what was heard in it is here all the same.";
  }

  private show(): void {
    const isPlaying = !this.audio.paused;
    this.play.disabled = !this.isPlayable;
    this.play.setAttribute("aria-pressed", String(isPlaying));
    this.play.classList.toggle("playing", isPlaying);
  }

  private tell(): void {
    this.time.textContent = `${clock(this.time_s)} / ${clock(this.duration_s)}`;
  }
}
