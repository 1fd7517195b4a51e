// What the service says: the shapes of its answers, as `Result.to_dict()` and the OpenAPI document have them.

export interface Word {
  text: string;
  start_s: number;
  end_s: number;
}

export interface Segment {
  start_s: number;
  end_s: number;
  speaker: string | null;
  text: string | null;
  category: string | null;
  probabilities: Record<string, number>;
  dimensions: Record<string, number>;
  intervals: Record<string, [number, number]>;
  categories_90: string[];
  modalities: string[];
  flags: string[];
  abstain: string | null;
  words: Word[];
}

export interface TurningPoint {
  time_s: number;
  dimension: string;
  before: number;
  after: number;
  text: string | null;
}

export interface Summary {
  duration_s: number;
  category: string | null;
  shares: Record<string, number>;
  mean: Record<string, number>;
  spread: Record<string, number>;
  turning_points: TurningPoint[];
}

export interface Result {
  file: string;
  duration_s: number;
  model: { name: string; version: string; sha256: string };
  segments: Segment[];
  speakers: Record<string, Summary>;
  summary: Summary;
  warnings: string[];
}

export interface Problem {
  title: string;
  status: number;
  detail?: string;
  given?: string;
  valid?: string;
  remedy?: string;
}

export interface Job {
  id: string;
  state: "queued" | "decoding" | "judging" | "done" | "failed" | "cancelled";
  progress: number;
  duration_s: number | null;
  position: number | null;
  links: { self: string; result: string; events: string };
  problem: Problem | null;
}

export interface Format {
  name: string;
  extension: string;
  media_type: string;
}

export interface Dimension {
  name: string;
  supervision?: Record<string, string>;
}

export interface Model {
  name: string;
  version: string;
  sha256: string;
  description: string;
  licence: string;
  categories: string[];
  views: Record<string, string[]>;
  dimensions: Dimension[];
  modalities: string[];
  languages?: string[];
  training_data: { corpus: string; used_for: string; utterances?: number; speakers?: number | null; licence?: string }[];
}
