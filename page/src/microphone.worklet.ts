// Runs where sound is processed: hands over what the microphone gives, a twentieth of a second at a time.

declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, made: typeof AudioWorkletProcessor): void;

class Microphone extends AudioWorkletProcessor {
  private readonly held = new Float32Array(Math.ceil(sampleRate / 20 / 128) * 128);
  private filled = 0;

  process([input]: Float32Array[][]): boolean {
    const samples = input[0];
    if (!samples) return true;
    this.held.set(samples, this.filled);
    this.filled += samples.length;
    if (this.filled === this.held.length) {
      this.port.postMessage(this.held.slice());
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
