// The result in every format that the service writes.
import { announce, element } from "./dom";
import { lendKey } from "./key";
import type { Recording } from "./recording";
import { Refused, address, jobAt } from "./service";
import type { Format, Job } from "./shapes";
import { formatWords, sentence } from "./words";

export class Downloads {
  readonly element: HTMLDetailsElement;
  private readonly note = element("p", { class: "hint", role: "status" });

  constructor(
    private readonly recording: Recording,
    formats: Format[],
  ) {
    const list = element("ul");
    this.element = element("details", { class: "menu" }, element("summary", { class: "button" }, "Download"), element("div", {}, list, this.note));
    const close = (event: MouseEvent) => {
      if (!this.element.contains(event.target as Node)) this.element.open = false;
    };
    this.element.addEventListener("toggle", () => {
      if (this.element.open) document.addEventListener("click", close);
      else document.removeEventListener("click", close);
      if (this.element.open) void this.fill(list, formats);
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.element.open) return;
      this.element.open = false;
      this.element.querySelector("summary")!.focus();
    });
  }

  /** Put a link for each format into the list; a recording of the microphone is first analysed as a file. */
  private async fill(list: HTMLElement, formats: Format[]): Promise<void> {
    this.note.textContent = "making the files …";
    const job = await this.recording.finished();
    this.note.textContent = job ? "" : "There is no result.";
    list.replaceChildren(...(job ? formats.map((format) => this.item(job, format)) : []));
  }

  // A plain link, so that the download is the browser's own: one that a script starts may be refused after a few.
  private item(job: Job, format: Format): HTMLElement {
    const extension = format.extension.replace(/^\./, "");
    const place = address(`${job.links.result}.${extension}`);
    const name = `${this.recording.name.replace(/\.[^.]*$/, "")}.${extension}`;
    const link = element("a", { href: place.href, download: name, "data-format": format.name }, element("b", {}, format.name), element("span", {}, formatWords(format.name)));
    link.addEventListener("click", () => {
      lendKey(place);
      void this.follow(job, name);
    });
    return element("li", {}, link);
  }

  /** Say what became of a download: the browser does not tell the page. */
  private async follow(job: Job, name: string): Promise<void> {
    try {
      await jobAt(job.links.self);
      this.note.textContent = "";
      announce(`${name} was downloaded`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { title, detail, status } = error.problem;
      this.note.textContent = status === 404 ? "The service no longer has this result. Analyse the recording again." : sentence(detail ?? title);
    }
  }
}
