// What the reader gives besides the sound: words, speakers, and which categories can occur.
import { element, found } from "./dom";
import type { Known } from "./recording";
import type { Model } from "./shapes";

const TRANSCRIPTS = [".txt", ".srt", ".vtt", ".json", ".jsonl", ".textgrid", ".eaf", ".ctm"];
const SPEAKERS = [".rttm"];

const extensionOf = (file: File): string => /\.[^.]+$/.exec(file.name.toLowerCase())?.[0] ?? "";

/** Files that were given together, by what they are; a transcript or turns are put into the form. */
export function sorted(files: Iterable<File>): { sounds: File[]; others: File[] } {
  const [sounds, others]: [File[], File[]] = [[], []];
  for (const file of files) {
    const extension = extensionOf(file);
    const field = TRANSCRIPTS.includes(extension) ? "transcript-file" : SPEAKERS.includes(extension) ? "speakers-file" : null;
    if (!field) {
      sounds.push(file);
      continue;
    }
    put(file, field);
    others.push(file);
  }
  return { sounds, others };
}

function put(file: File, field: string): void {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  found<HTMLInputElement>(field).files = transfer.files;
  if (field === "speakers-file") found<HTMLSelectElement>("speakers").value = "file";
  showSpeakersFile();
  found<HTMLDetailsElement>("given").open = true;
}

export function known(): Known {
  const text = found<HTMLTextAreaElement>("transcript").value.trim();
  const transcript = fileIn("transcript-file") ?? (text || null);
  const speakers = found<HTMLSelectElement>("speakers").value;
  const categories = found<HTMLSelectElement>("categories").value;
  return { transcript, speakers: speakers === "file" ? fileIn("speakers-file") : speakers || null, categories: categories || null };
}

const fileIn = (field: string): File | null => found<HTMLInputElement>(field).files?.[0] ?? null;

function showSpeakersFile(): void {
  found("speakers-file-field").hidden = found<HTMLSelectElement>("speakers").value !== "file";
}

/** Make the form work, with the category sets that the model has. */
export function prepare(model: Model | null, judgeWords: () => void): void {
  found("speakers").addEventListener("change", showSpeakersFile);
  const judge = found<HTMLButtonElement>("judge-words");
  const show = () => {
    judge.disabled = known().transcript === null;
  };
  for (const field of ["transcript", "transcript-file"]) found(field).addEventListener("input", show);
  found("given").addEventListener("toggle", show);
  judge.addEventListener("click", judgeWords);
  found("forget-given").addEventListener("click", () => {
    found<HTMLFormElement>("given-form").reset();
    showSpeakersFile();
    show();
  });
  for (const [name, categories] of Object.entries(model?.views ?? {})) {
    found("categories").append(element("option", { value: name }, `${name}: ${categories.join(", ")}`));
  }
}
