// The page: recordings come in by file, by drop or by microphone; one is shown, or two side by side.
import { describe } from "./about";
import { comparison } from "./compare";
import { announce, button, element, found } from "./dom";
import { known, prepare, sorted } from "./given";
import { Panel } from "./panel";
import { Recording } from "./recording";
import { Refused, formats as askFormats, models as askModels } from "./service";
import type { Format, Model } from "./shapes";
import { sentence } from "./words";

const SIDE_BY_SIDE = 2;
const AT_ONCE = 3; // of many files: a service takes a few of one client at a time

class Page {
  private panels: Panel[] = [];
  private shown: Panel[] = [];
  private readonly formats: Format[] = [];
  private compared: unknown[] = [];
  private readonly underWay = new Set<Promise<void>>();

  async start(): Promise<void> {
    this.listen();
    let model: Model | null = null;
    try {
      const [models, formats] = await Promise.all([askModels(), askFormats()]);
      this.formats.push(...formats);
      model = models[0] ?? null;
      if (model) describe(model);
    } catch (error) {
      this.say(error);
    }
    prepare(model, () => this.judgeWords());
  }

  private listen(): void {
    const picker = found<HTMLInputElement>("file");
    picker.addEventListener("change", () => {
      this.take(picker.files ?? []);
      picker.value = "";
    });
    found("microphone").addEventListener("click", () => this.hearMicrophone());
    document.addEventListener("dragover", (event) => this.dragged(event, true));
    document.addEventListener("dragleave", (event) => this.dragged(event, event.relatedTarget !== null));
    document.addEventListener("drop", (event) => {
      this.dragged(event, false);
      this.take(event.dataTransfer?.files ?? []);
    });
    // What was judged here is forgotten by the service when the page is closed; a page that may come back keeps it.
    window.addEventListener("pagehide", (event) => {
      if (!event.persisted) for (const panel of this.panels) panel.recording.discard();
    });
  }

  private dragged(event: DragEvent, over: boolean): void {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dragged", over);
  }

  private take(files: Iterable<File>): void {
    const { sounds, others } = sorted(files);
    for (const file of sounds) {
      const recording = new Recording(this.unused(file.name), file, known());
      this.add(recording);
      void this.judgeInTurn(recording);
    }
    if (!sounds.length && others.length) announce(`${others.map((file) => file.name).join(", ")} will go with the next recording`);
  }

  private async judgeInTurn(recording: Recording): Promise<void> {
    while (this.underWay.size >= AT_ONCE) await Promise.race(this.underWay);
    if (!recording.isOnItsWay) return;
    const judging = recording.judge();
    this.underWay.add(judging);
    await judging;
    this.underWay.delete(judging);
  }

  private judgeWords(): void {
    const { transcript, speakers, categories } = known();
    if (!transcript) return;
    const recording = new Recording(this.unused(transcript instanceof File ? transcript.name : "words alone"), null, { transcript, speakers, categories });
    this.add(recording);
    void recording.judge();
  }

  private hearMicrophone(): void {
    const stamp = new Date().toTimeString().slice(0, 8).replaceAll(":", ".");
    const recording = new Recording(`microphone ${stamp}.wav`, null, known());
    const microphone = found<HTMLButtonElement>("microphone");
    microphone.disabled = true;
    this.add(recording);
    void recording.listen().finally(() => {
      microphone.disabled = false;
    });
  }

  /** The name, or with a number after it where a recording of that name is here. */
  private unused(name: string): string {
    const names = this.panels.map((panel) => panel.recording.name);
    const [, stem, extension] = /^(.*?)(\.[^.]*)?$/s.exec(name)!;
    for (let number = 1; ; number += 1) {
      const told = number === 1 ? name : `${stem} (${number})${extension ?? ""}`;
      if (!names.includes(told)) return told;
    }
  }

  private add(recording: Recording): void {
    const acts = { remove: () => this.remove(panel), again: () => void recording.judge(known()) };
    const panel: Panel = new Panel(recording, this.formats, acts);
    this.panels.push(panel);
    found("shown").append(panel.element);
    recording.addEventListener("change", () => this.changed());
    this.show([panel]);
    panel.focus();
  }

  private remove(panel: Panel): void {
    panel.recording.discard();
    panel.discard();
    this.panels = this.panels.filter((each) => each !== panel);
    const left = this.shown.filter((each) => each !== panel);
    const next = this.panels.at(-1);
    this.show(left.length || !next ? left : [next]);
    announce(`${panel.recording.name} was removed here and at the service`);
    if (this.shown[0]) this.shown[0].focus();
    else found("file").focus();
  }

  private show(panels: Panel[]): void {
    this.shown = this.panels.filter((panel) => panels.includes(panel));
    for (const panel of this.panels) {
      panel.show(panels.includes(panel));
    }
    found("shown").classList.toggle("two", panels.length === SIDE_BY_SIDE);
    document.body.classList.toggle("started", this.panels.length > 0);
    this.drawList();
    this.compared = [];
    this.changed();
  }

  /** The list of recordings: which one is shown, and which may stand beside it. */
  private drawList(): void {
    const items = this.panels.map((panel) => {
      const { name } = panel.recording;
      const isShown = this.shown.includes(panel);
      const pick = button(name, () => this.pick([panel]), { class: "pick", "aria-current": isShown ? "true" : null });
      const beside = button("Compare", () => this.pick([this.shown[0], panel]), { "aria-label": `Compare ${this.shown[0]?.recording.name} with ${name}` });
      return element("li", {}, pick, isShown ? null : beside);
    });
    found("recordings").hidden = this.panels.length < 2;
    found("list").replaceChildren(...items);
  }

  private pick(panels: Panel[]): void {
    this.show(panels);
    panels.at(-1)?.focus();
    announce(panels.map((panel) => panel.recording.name).join(" beside "));
  }

  private changed(): void {
    const recordings = this.shown.map((panel) => panel.recording);
    const isTwo = recordings.length === SIDE_BY_SIDE;
    const longest_s = isTwo ? Math.max(...recordings.map((each) => each.duration_s)) : 0;
    for (const panel of this.shown) panel.share(longest_s);
    const results = recordings.map((each) => each.result);
    if (results.length === this.compared.length && results.every((each, index) => each === this.compared[index])) return;
    this.compared = results;
    const table = isTwo ? comparison(recordings[0], recordings[1]) : null;
    found("comparison").replaceChildren(...(table ? [table] : []));
  }

  private say(error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    const { title, detail } = error.problem;
    const place = found("trouble");
    place.replaceChildren(element("p", {}, element("b", {}, sentence(title)), ` ${sentence(detail ?? "")}`));
    place.hidden = false;
  }
}

function prepareTheme(): void {
  const root = document.documentElement;
  const stored = localStorage.getItem("emobridge-theme");
  const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const toggle = found<HTMLButtonElement>("theme");
  const show = () => {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  };
  if (stored) root.dataset.theme = stored;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("emobridge-theme", root.dataset.theme);
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

prepareTheme();
void new Page().start();
