// The running mean of a dimension over one speaker's segments, as src/emobridge/visualization/content.py has it.
import type { Segment } from "./shapes";

const TREND_SEGMENTS = 40;
const TREND_SHARE = 1 / 40;

/** Points (time_s, value) weighted by time, parted where nobody was judged for long; null of too few segments. */
export function trend(segments: Segment[], dimension: string, duration_s: number): [number, number][][] | null {
  if (segments.length < TREND_SEGMENTS) return null;
  const points = segments.map((each) => ({
    middle_s: (each.start_s + each.end_s) / 2,
    length_s: each.end_s - each.start_s,
    value: each.dimensions[dimension],
  }));
  const window_s = duration_s * TREND_SHARE;
  const runs: [number, number][][] = [];
  let [first, last] = [0, 0];
  for (const { middle_s } of points) {
    while (points[first].middle_s < middle_s - window_s / 2) first += 1;
    while (last < points.length && points[last].middle_s <= middle_s + window_s / 2) last += 1;
    const near = points.slice(first, last);
    const total_s = near.reduce((sum, each) => sum + each.length_s, 0);
    const mean = near.reduce((sum, each) => sum + each.length_s * each.value, 0) / total_s;
    const run = runs.at(-1);
    if (run && middle_s - run[run.length - 1][0] <= window_s) run.push([middle_s, mean]);
    else runs.push([[middle_s, mean]]);
  }
  return runs;
}
