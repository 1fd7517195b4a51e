// A recording to a running service, Node 18 or newer: node upload.mjs [RECORDING [TRANSCRIPT]]
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

const service = process.env.EMOBRIDGE_URL ?? "http://127.0.0.1:8000";
const key = process.env.EMOBRIDGE_KEY; // a service that is not on this machine asks for one
const headers = key ? { Authorization: `Bearer ${key}` } : {};
const [recording = "src/emobridge/sample/two_speakers.flac", transcript] = process.argv.slice(2);

const form = new FormData();
form.append("recording", new Blob([await readFile(recording)]), basename(recording));
form.append("categories", "four");
if (transcript) form.append("transcript", await readFile(transcript, "utf8"));

const ask = async (path, options = {}) => {
  const answer = await fetch(service + path, { ...options, headers });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer;
};
let answer = await ask("/v1/recordings", { method: "POST", body: form });
while (answer.status === 202) { // long: it became a job
  await new Promise((later) => setTimeout(later, 1000));
  const job = await (await ask(answer.headers.get("Location"))).json();
  if (!["queued", "decoding", "judging"].includes(job.state)) answer = await ask(job.links.result);
}
for (const { start_s, end_s, category } of (await answer.json()).segments) {
  console.log(`${start_s.toFixed(1)}-${end_s.toFixed(1)} s  ${category}`);
}
