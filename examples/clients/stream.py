"""Live sound to a running service, with the package websockets: arecord -f S16_LE -r 16000 | python stream.py."""

import json
import os
import sys
from threading import Thread

from websockets.sync.client import connect

service = os.environ.get("EMOBRIDGE_URL", "http://127.0.0.1:8000").replace("http", "ws", 1)
key = os.environ.get("EMOBRIDGE_KEY")  # a service that is not on this machine asks for one
options = "sample_rate_hz=16000&encoding=s16le&every_s=1&categories=four"
headers = {"Authorization": f"Bearer {key}"} if key else {}


def speak() -> None:
    """Send what comes on standard input, and say when it ends."""
    while block := sys.stdin.buffer.read(16_000):  # half a second
        socket.send(block)
    socket.send(json.dumps({"type": "end"}))


with connect(f"{service}/v1/stream?{options}", additional_headers=headers, max_size=None) as socket:
    Thread(target=speak, daemon=True).start()
    for message in map(json.loads, socket):
        if message["type"] == "segment":
            print("{start_s:6.1f}-{end_s:5.1f} s  {category}".format(**message["segment"]))
        elif message["type"] in ("result", "problem"):
            sys.exit(message.get("problem", {}).get("detail"))
