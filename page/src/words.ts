// Values in the words of the report (src/emobridge/visualization), and what the flags mean in a sentence.
import colours from "./palette.json";
import type { Result, Segment, Summary } from "./shapes";

export const WHOLE = "whole recording";
const FAINTEST = 0.3;
const NAMED_SHARE = 0.05;

// docs/behaviour.md has the rules behind these.
const REASONS: Record<string, string> = {
  too_short: "less than a third of a second: not enough of a voice to judge",
  silence: "there is nothing to hear",
  noise: "sound without speech",
  music: "music without speech",
  out_of_domain: "speech unlike any that the model learned from; its estimate is shown but should not be used",
  clipped: "the sound is overdriven and cut off at its peaks; anger and loudness are doubtful",
  low_confidence: "the model is unsure: too many categories stay possible, or there is less than a second of sound",
};

const FORMATS: Record<string, string> = {
  json: "everything, for programs",
  jsonl: "everything, a line a recording",
  csv: "a row a segment, for spreadsheets",
  parquet: "a row a segment, for data tools",
  txt: "a time line to read",
  textgrid: "tiers for Praat",
  eaf: "tiers for ELAN",
  rttm: "who speaks when",
  srt: "subtitles (SubRip)",
  vtt: "subtitles (WebVTT)",
  emotionml: "EmotionML of the W3C",
  zip: "an audformat database",
  html: "a report that is one file",
};

export const formatWords = (name: string): string => FORMATS[name.toLowerCase()] ?? "";
export const flagName = (flag: string): string => flag.replaceAll("_", " ");
export const reason = (flag: string): string => REASONS[flag] ?? flagName(flag);
export const percent = (share: number): string => `${Math.round(100 * share)}%`;
export const speakerName = (speaker: string | null): string => speaker ?? "unknown";
export const opacity = (probability: number): number => FAINTEST + (1 - FAINTEST) * Math.min(1, Math.max(0, probability));

export function colour(category: string): string {
  const known: Record<string, string> = colours;
  if (known[category]) return known[category];
  // A category of one's own gets a colour by its name, the same in every recording.
  const place = [...category].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0);
  const all = Object.values(known);
  return all[place % all.length] ?? "#62656B";
}

export function clock(seconds: number, digits = 1): string {
  const scale = 10 ** digits;
  const whole = Math.round(seconds * scale);
  const hours = Math.floor(whole / (3600 * scale));
  const minutes = Math.floor(whole / (60 * scale)) % 60;
  const rest = ((whole % (60 * scale)) / scale).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export const isJudged = (segment: Segment): boolean =>
  segment.abstain === null && (segment.category !== null || Object.keys(segment.dimensions).length > 0);
export const confidence = (segment: Segment): number => segment.probabilities[segment.category ?? ""] ?? 0;
export const othersOf = (segment: Segment): string[] => segment.categories_90.filter((name) => name !== segment.category);
export const flagsOf = (segment: Segment): string[] => segment.flags.filter((flag) => flag !== segment.abstain);
export const whyNot = (segment: Segment): string => flagName(segment.abstain ?? "nothing to judge");

export function speakersOf(segments: Segment[], result: Result | null): (string | null)[] {
  const spoken = new Set(segments.map((segment) => segment.speaker));
  const known = Object.keys(result?.speakers ?? {}).filter((name) => spoken.has(name));
  const others = [...spoken].filter((name) => name === null || !known.includes(name));
  const all = [...known, ...others];
  return all.length ? all : [null];
}

export const dimensionsOf = (segments: Segment[]): string[] => [
  ...new Set(segments.flatMap((segment) => Object.keys(segment.dimensions))),
];

export function valueTold(segment: Segment, dimension: string): string {
  const value = segment.dimensions[dimension].toFixed(2);
  const range = segment.intervals[dimension];
  return range ? `${value} (${range[0].toFixed(2)} to ${range[1].toFixed(2)})` : value;
}

/** Everything about a segment but its words, on a few lines. */
export function told(segment: Segment): string {
  const lines = [`${clock(segment.start_s)} to ${clock(segment.end_s)}, ${speakerName(segment.speaker)}`];
  if (segment.abstain !== null) lines.push(`not judged: ${whyNot(segment)}`);
  else if (segment.category !== null) {
    lines.push(`${segment.category} ${percent(confidence(segment))}`);
    if (othersOf(segment).length) lines.push(`may also be ${othersOf(segment).join(", ")} (90 %)`);
    lines.push(Object.keys(segment.dimensions).map((name) => `${name} ${valueTold(segment, name)}`).join(", "));
  }
  if (flagsOf(segment).length) lines.push(`flags: ${flagsOf(segment).map(flagName).join(", ")}`);
  return lines.join("\n");
}

export const sharesOf = (summary: Summary): [string, number][] => Object.entries(summary.shares).sort((a, b) => b[1] - a[1]);
export const namedShares = (summary: Summary): [string, number][] => sharesOf(summary).filter(([, share]) => share >= NAMED_SHARE);

export const meanTold = (summary: Summary, name: string): string =>
  name in summary.mean ? `${summary.mean[name].toFixed(2)} ± ${(summary.spread[name] ?? 0).toFixed(2)}` : "–";

/** Words as a sentence: with a capital and a full stop. */
export const sentence = (words: string): string => `${words[0]?.toUpperCase() ?? ""}${words.slice(1).replace(/[.!?]?$/, (end) => end || ".")}`;

export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;
