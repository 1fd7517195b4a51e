// The outline of a recording's waveform, from the file that is on this computer.

/** Least and greatest sample of each of N equal stretches. */
export interface Outline {
  low: number[];
  high: number[];
  duration_s: number;
}

const PEAKS = 4000;
const PEAKS_PER_S = 50;
const RATE_HZ = 8000; // enough for an outline, and an hour of it fits into memory
const LARGEST_BYTES = 200_000_000;

/** Throws an error that says in words why there is no outline. */
export async function outlineOf(file: File): Promise<Outline> {
  if (file.size > LARGEST_BYTES) throw new Error("No waveform: the file is too large to be read here.");
  const context = new OfflineAudioContext(1, 1, RATE_HZ);
  const sound = await context.decodeAudioData(await file.arrayBuffer()).catch(() => {
    throw new Error("No waveform: this browser cannot read this kind of file.");
  });
  const channels = Array.from({ length: sound.numberOfChannels }, (_, index) => sound.getChannelData(index));
  const count = Math.max(1, Math.min(PEAKS, Math.ceil(sound.duration * PEAKS_PER_S)));
  const low: number[] = [];
  const high: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = Math.floor((index * sound.length) / count);
    const [least, greatest] = extremes(channels, start, Math.floor(((index + 1) * sound.length) / count));
    low.push(least);
    high.push(greatest);
  }
  return { low, high, duration_s: sound.duration };
}

/** The outline of sound that is still coming: as it grows, a point stands for more of it. */
export class GrowingOutline implements Outline {
  low: number[] = [];
  high: number[] = [];
  duration_s = 0;
  private pieces = 0; // in the last point
  private most = 1; // of a point

  add(samples: Float32Array, rate_hz: number): void {
    const [least, greatest] = extremes([samples], 0, samples.length);
    this.duration_s += samples.length / rate_hz;
    if (this.pieces > 0 && this.pieces < this.most) {
      this.low.push(Math.min(this.low.pop() ?? 0, least));
      this.high.push(Math.max(this.high.pop() ?? 0, greatest));
    } else {
      if (this.low.length === PEAKS) this.halve();
      this.pieces = 0;
      this.low.push(least);
      this.high.push(greatest);
    }
    this.pieces += 1;
  }

  private halve(): void {
    const pairs = (values: number[], join: (a: number, b: number) => number): number[] =>
      Array.from({ length: values.length / 2 }, (_, index) => join(values[2 * index], values[2 * index + 1]));
    this.low = pairs(this.low, Math.min);
    this.high = pairs(this.high, Math.max);
    this.most *= 2;
  }
}

export function extremes(channels: Float32Array[], start: number, end: number): [number, number] {
  let [least, greatest] = [0, 0];
  for (const samples of channels) {
    for (let index = start; index < end; index += 1) {
      if (samples[index] < least) least = samples[index];
      if (samples[index] > greatest) greatest = samples[index];
    }
  }
  return [least, greatest];
}
