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
