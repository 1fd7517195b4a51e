// The result in every format that the service writes.
import { announce, button, element } from "./dom";
import type { Recording } from "./recording";
import { Refused, download } from "./service";
import type { Format } from "./shapes";
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
      list.replaceChildren(...formats.map((format) => this.item(format)));
      if (this.element.open) document.addEventListener("click", close);
      else document.removeEventListener("click", close);
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.element.open) return;
      this.element.open = false;
      this.element.querySelector("summary")!.focus();
    });
  }

  private item(format: Format): HTMLElement {
    const made = button("", () => void this.save(format), { "data-format": format.name });
    made.append(element("b", {}, format.name), element("span", {}, formatWords(format.name)));
    return element("li", {}, made);
  }

  private async save(format: Format): Promise<void> {
    const { recording } = this;
    this.note.textContent = "making the file …";
    try {
      const job = await recording.finished();
      if (!job) throw new Refused(recording.problem ?? { title: "There is no result", status: 0 });
      const extension = format.extension.replace(/^\./, "");
      const address = URL.createObjectURL(await download(job, format));
      const stem = recording.name.replace(/\.[^.]*$/, "");
      element("a", { href: address, download: `${stem}.${extension}` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      this.note.textContent = "";
      announce(`${stem}.${extension} was downloaded`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { title, detail } = error.problem;
      const forgotten = error.problem.status === 404 ? "The service no longer has this result. Judge the recording again." : null;
      this.note.textContent = forgotten ?? sentence(detail ?? title);
    }
  }
}
