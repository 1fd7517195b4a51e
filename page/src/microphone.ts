// The microphone over the service's socket: sound goes out as 16-bit samples, estimates come back as it is heard.
import { GrowingOutline, type Outline } from "./outline";
import { key } from "./key";
import { Refused, address, models, unreachable } from "./service";
import type { Problem, Result, Segment } from "./shapes";

const EVERY_S = 1;
const LOOSE_PIECES = 600; // half a minute; what is older goes into a blob, which a browser may keep on disk
const BEHIND_BYTES = 4_000_000; // waiting to be sent: the service or the network cannot follow

interface Hearing {
  heard: (segment: Segment) => void;
  current: (segment: Segment) => void;
  sound: (length_s: number, outline: Outline) => void;
  categories: string | null;
}

type Message =
  | { type: "segment" | "current"; segment: Segment }
  | { type: "result"; result: Result }
  | { type: "problem"; problem: Problem };

export class Live {
  private pieces: BlobPart[] = [];
  private bytes = 0;
  private rate_hz = 0;
  private readonly outline = new GrowingOutline();
  private context: AudioContext | null = null;
  private microphone: MediaStream | null = null;
  private socket: WebSocket | null = null;

  constructor(private readonly hearing: Hearing) {}

  /** Hear until `stop`; the result. Throws `Refused`, also where the microphone may not be used. */
  async listen(signal: AbortSignal): Promise<Result> {
    try {
      await models(); // asks for a key where one is wanted: a socket that is refused cannot say why
      this.microphone = await openMicrophone();
      this.context = new AudioContext();
      await this.context.audioWorklet.addModule(address("page/microphone.worklet.js"));
      signal.throwIfAborted();
      return await this.connected(this.context, signal);
    } finally {
      this.close();
    }
  }

  /** Take no more sound; the service makes its result of what it has. */
  stop(): void {
    this.silence();
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "end" }));
    else this.socket?.close();
  }

  /** What was heard, as a WAV file. */
  recording(name: string): File {
    return new File([header(this.bytes, this.rate_hz), ...this.pieces], name, { type: "audio/wav" });
  }

  private connected(context: AudioContext, signal: AbortSignal): Promise<Result> {
    this.rate_hz = context.sampleRate;
    const place = address("v1/stream");
    place.protocol = place.protocol.replace("http", "ws");
    const asked = { sample_rate_hz: this.rate_hz, encoding: "s16le", every_s: EVERY_S };
    for (const [name, value] of Object.entries(asked)) place.searchParams.set(name, String(value));
    if (this.hearing.categories) place.searchParams.set("categories", this.hearing.categories);
    const known = key();
    const socket = known ? new WebSocket(place, ["emobridge.v1", `key.${known}`]) : new WebSocket(place);
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => this.connectSound(context, socket, reject));
      socket.addEventListener("message", ({ data }) => {
        const message: Message = JSON.parse(data);
        if (message.type === "segment") this.hearing.heard(message.segment);
        if (message.type === "current") this.hearing.current(message.segment);
        if (message.type === "result") resolve(message.result);
        if (message.type === "problem") reject(new Refused(message.problem));
      });
      socket.addEventListener("close", () => reject(unreachable()));
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  }

  private connectSound(context: AudioContext, socket: WebSocket, reject: (reason: Error) => void): void {
    if (!this.microphone) return;
    const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
    node.port.addEventListener("message", ({ data }: MessageEvent<Float32Array>) => {
      if (socket.readyState !== WebSocket.OPEN || !this.microphone) return;
      if (socket.bufferedAmount > BEHIND_BYTES) reject(behind());
      else this.take(data, socket);
    });
    node.port.start();
    context.createMediaStreamSource(this.microphone).connect(node);
    void context.resume();
  }

  private take(samples: Float32Array, socket: WebSocket): void {
    const piece = Int16Array.from(samples, (value) => Math.round(32767 * Math.max(-1, Math.min(1, value))));
    socket.send(piece);
    this.pieces.push(piece);
    this.bytes += piece.byteLength;
    if (this.pieces.length === LOOSE_PIECES) this.pieces = [new Blob(this.pieces)];
    this.outline.add(samples, this.rate_hz);
    this.hearing.sound(this.outline.duration_s, this.outline);
  }

  private silence(): void {
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = null;
  }

  private close(): void {
    this.silence();
    void this.context?.close();
    this.socket?.close();
  }
}

async function openMicrophone(): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw refused("a microphone is only given to pages at https:// or on this computer", "Choose a file instead.");
  try {
    // As it sounds: what cleans a call up also takes away what is judged here.
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const isMissing = error instanceof DOMException && error.name === "NotFoundError";
    if (isMissing) throw refused("this computer has no microphone that the browser can use", "Connect one, or choose a file.");
    throw refused("the browser did not allow this page to use the microphone", "Allow it in the browser's settings of this page, or choose a file.");
  }
}

const refused = (detail: string, remedy: string): Refused =>
  new Refused({ title: "The microphone cannot be heard", status: 0, detail: `${detail[0].toUpperCase()}${detail.slice(1)}.`, remedy });

const behind = (): Refused =>
  new Refused({
    title: "The service cannot follow",
    status: 0,
    detail: "Sound comes faster than the service, or the way to it, can take it.",
    remedy: "Try again later, or send the recording as a file.",
  });

/** The 44 bytes that stand before 16-bit mono samples in a WAV file. */
function header(bytes: number, rate_hz: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(44));
  const text = (at: number, value: string) => [...value].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate_hz, true);
  view.setUint32(28, 2 * rate_hz, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, bytes, true);
  return view.buffer;
}
