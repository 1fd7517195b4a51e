"""A recording to a running service, with the package httpx: python upload.py [RECORDING [TRANSCRIPT]]."""

import os
import sys
import time
from pathlib import Path

import httpx

key = os.environ.get("EMOBRIDGE_KEY")  # a service that is not on this machine asks for one
service = httpx.Client(
    base_url=os.environ.get("EMOBRIDGE_URL", "http://127.0.0.1:8000"),
    headers={"Authorization": f"Bearer {key}"} if key else {},
    timeout=120,
)
recording = Path(sys.argv[1] if len(sys.argv) > 1 else "src/emobridge/sample/two_speakers.flac")
options = {"categories": "four"}
if len(sys.argv) > 2:
    options["transcript"] = Path(sys.argv[2]).read_text(encoding="utf-8")

with recording.open("rb") as file:
    answer = service.post("/v1/recordings", data=options, files={"recording": file})
while answer.status_code == 202:  # long: it became a job
    time.sleep(1)
    job = service.get(answer.headers["Location"]).json()
    answer = answer if job["state"] in ("queued", "decoding", "judging") else service.get(job["links"]["result"])
if answer.is_error:
    sys.exit(answer.json()["detail"])
for segment in answer.json()["segments"]:
    print("{start_s:6.1f}-{end_s:5.1f} s  {category}  {dimensions}".format(**segment))
