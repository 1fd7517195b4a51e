// Live sound to a running service, in a browser or Node 22 or newer: node stream.mjs [RAW], 16-bit mono at 16 kHz
import { readFile } from "node:fs/promises";

const service = (process.env.EMOBRIDGE_URL ?? "http://127.0.0.1:8000").replace(/^http/, "ws");
const key = process.env.EMOBRIDGE_KEY;
const protocols = ["emobridge.v1", ...(key ? [`key.${key}`] : [])];
const sound = await readFile(process.argv[2] ?? 0); // a file, or standard input
const options = "sample_rate_hz=16000&encoding=s16le&categories=four";

const socket = new WebSocket(`${service}/v1/stream?${options}`, protocols);
socket.onopen = () => {
  for (let start = 0; start < sound.length; start += 16000) socket.send(sound.subarray(start, start + 16000));
  socket.send(JSON.stringify({ type: "end" }));
};
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.type === "segment") {
    const { start_s, end_s, category } = message.segment;
    console.log(`${start_s.toFixed(1)}-${end_s.toFixed(1)} s  ${category}`);
  }
  if (message.type === "problem") console.error(message.problem.detail);
  if (message.type === "result" || message.type === "problem") socket.close();
};
