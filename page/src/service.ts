// The service's API, as this page needs it. Addresses are relative, so that a proxy may put all of it under a path.
import { askForKey, key } from "./key";
import type { Format, Job, Model, Problem, Result, Segment } from "./shapes";

const REPEATS = 6;
const LONGEST_PAUSE_S = 20;
const PASSING = [0, 429, 503]; // what may be otherwise in a moment: no answer, too much of this client, too much of all

/** What the service refused, or that it did not answer, in words. */
export class Refused extends Error {
  constructor(
    readonly problem: Problem,
    readonly retryAfter_s: number | null = null,
  ) {
    super(problem.detail ?? problem.title);
  }
}

export const unreachable = (): Refused =>
  new Refused({
    title: "The service does not answer",
    status: 0,
    detail: "Nothing came back: is it still running? Try again in a moment.",
  });

export const address = (path: string): URL => new URL(path.replace(/^\//, ""), document.baseURI);

export const pause = (seconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

function headers(): Record<string, string> {
  const known = key();
  return known ? { Authorization: `Bearer ${known}` } : {};
}

function refusal(status: number, body: string, retryAfter: string | null): Refused {
  let problem: Problem = { title: `The service answered ${status}`, status };
  try {
    problem = { ...problem, ...JSON.parse(body) };
  } catch {
    problem.detail = "It gave no reason.";
  }
  return new Refused(problem, retryAfter === null ? null : Number(retryAfter) || 1);
}

/** Ask the service; where it wants a key, ask the reader for one and repeat. Throws `Refused` for every failure. */
export async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  for (;;) {
    const used = key();
    let response: Response;
    try {
      response = await fetch(address(path), { ...options, headers: { ...options.headers, ...headers() } });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw unreachable();
    }
    if (response.ok) return response;
    const refused = refusal(response.status, await response.text(), response.headers.get("Retry-After"));
    if (response.status !== 401 || (await askForKey(used !== null)) === null) throw refused;
  }
}

/** Ask a service that may still be loading its model: a few times, when it says. */
async function askPatiently(path: string): Promise<Response> {
  for (let repeat = 1; ; repeat += 1) {
    try {
      return await ask(path);
    } catch (error) {
      if (!(error instanceof Refused) || error.problem.status !== 503 || repeat > REPEATS) throw error;
      await pause(error.retryAfter_s ?? 1);
    }
  }
}

export const models = async (): Promise<Model[]> => (await (await askPatiently("v1/models")).json()).models;
export const cardOf = async ({ name }: Model): Promise<string> => (await ask(`v1/models/${encodeURIComponent(name)}/card`)).text();
export const formats = async (): Promise<Format[]> => (await ask("v1/formats")).json();
export const jobAt = async (link: string, signal?: AbortSignal): Promise<Job> => (await ask(link, { signal })).json();

export const resultOf = async (job: Job, signal?: AbortSignal): Promise<Result> =>
  (await ask(job.links.result, { signal, headers: { Accept: "application/json" } })).json();

/** Let the service forget a job, also while the page is being left. */
export function forget(job: Job): void {
  void fetch(address(job.links.self), { method: "DELETE", headers: headers(), keepalive: true }).catch(() => undefined);
}

interface Sending {
  sent: (share: number) => void;
  waiting: (seconds: number) => void;
  signal: AbortSignal;
}

/** Send a recording; a service that is busy is asked again when it says, a few times. Returns the job. */
export async function send(form: FormData, sending: Sending): Promise<Job> {
  for (let repeat = 1; ; repeat += 1) {
    const used = key();
    try {
      return await sentOnce(form, sending);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { status } = error.problem;
      if (status === 401 && (await askForKey(used !== null)) !== null) continue;
      if (status === 0 || !PASSING.includes(status) || repeat > REPEATS) throw error;
      const seconds = Math.min(LONGEST_PAUSE_S, error.retryAfter_s ?? 2 ** repeat);
      sending.waiting(seconds);
      await pause(seconds, sending.signal);
    }
  }
}

// XMLHttpRequest, because fetch does not tell how much of a body was sent.
function sentOnce(form: FormData, { sent, signal }: Sending): Promise<Job> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("v1/recordings"));
    for (const [name, value] of Object.entries({ ...headers(), Prefer: "respond-async" })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => sent(event.total ? event.loaded / event.total : 0));
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(refusal(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    });
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

interface Following {
  progress: (state: Job["state"], progress: number) => void;
  /** All segments so far, whenever there are more. */
  segments: (segments: Segment[]) => void;
  signal: AbortSignal;
}

/** Follow a job to its end, over lost connections. Throws `Refused` with its problem where it failed. */
export async function follow(job: Job, following: Following): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      if (await followed(job, following)) return;
    } catch (error) {
      if (following.signal.aborted) throw error;
      const isLost = !(error instanceof Refused) || PASSING.includes(error.problem.status);
      if (!isLost || failures >= REPEATS) throw error instanceof Refused ? error : unreachable();
    }
    await pause(Math.min(LONGEST_PAUSE_S, 2 ** failures / 2), following.signal);
  }
}

async function followed(job: Job, following: Following): Promise<boolean> {
  const options = { signal: following.signal, headers: { Accept: "text/event-stream" } };
  const response = await ask(job.links.events, options);
  const heard: Segment[] = [];
  for await (const { name, data } of eventsOf(response)) {
    if (name === "progress") following.progress(data.state, data.progress);
    if (name === "restarted") heard.length = 0;
    if (name === "segments") {
      heard.push(...data);
      following.segments([...heard]);
    }
    if (name === "failed") throw new Refused(data);
    if (name === "done") return true;
  }
  return false;
}

async function* eventsOf(response: Response): AsyncGenerator<{ name: string; data: any }> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (held + value).replaceAll("\r\n", "\n").split("\n\n");
    held = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => /^(event|data): ?(.*)$/.exec(line));
      const of = (field: string) => fields.filter((each) => each?.[1] === field).map((each) => each?.[2]).join("\n");
      if (of("data")) yield { name: of("event"), data: JSON.parse(of("data")) };
    }
  }
}
