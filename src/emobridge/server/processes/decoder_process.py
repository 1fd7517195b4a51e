"""The process that reads strangers' files: `python -m emobridge.server.processes.decoder_process PARENT LIMITS`.

It knows nothing but the files in hand, and has limits on its memory, on what it writes and on what it may open; the
parent watches the time. Nothing of the model is loaded here.
"""

import errno
import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emobridge.audio.load import probe, read_blocks
from emobridge.diarization.rttm import read_rttm
from emobridge.errors import EmobridgeError
from emobridge.server.processes.decode_messages import Limit, Limits, Wanted, outputs, sound_file
from emobridge.server.processes.messages import as_message, read
from emobridge.server.processes.sandbox import Channel, confine
from emobridge.transcripts import read_transcript

MOST_FILES_OPEN = 64
MOST_REQUEST_BYTES = 2**16
SLACK_S = 1.0  # by which sound may be longer than the longest recording before it is refused


class _Exceeded(Exception):  # noqa: N818
    """A recording that needs more than it gets."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self.limit = limit


def main() -> None:
    """Serve requests until the parent ends."""
    channel = Channel()
    limits = Limits(**json.loads(sys.argv[2]))
    confine(
        int(sys.argv[1]),
        {
            resource.RLIMIT_AS: limits.memory_bytes,
            resource.RLIMIT_FSIZE: limits.max_pcm_bytes,
            resource.RLIMIT_NOFILE: MOST_FILES_OPEN,
        },
    )
    channel.send({"ready": True})
    while (request := read(channel.incoming, MOST_REQUEST_BYTES)) is not None:
        channel.send(*_reply(request.head, limits))


def _reply(request: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], bytes]:
    """Return what became of a request, and the words and turns where it was for these."""
    paths = {key: Path(request[key]) for key in ("upload", "into", "transcript", "speakers") if request.get(key)}
    try:
        if "upload" not in paths:
            return {}, _read(paths.get("transcript"), paths.get("speakers"), request["name"])
        wanted = Wanted(tuple(request["rates_hz"]), request["channels"])
        return _decoded(paths["upload"], paths["into"], wanted, limits), b""
    except _Exceeded as exceeded:
        return {"limit": exceeded.limit}, b""
    except MemoryError:
        return {"limit": "memory"}, b""
    except EmobridgeError as error:
        shown = {path: request["name"] if key == "upload" else path.name for key, path in paths.items()}
        return {"failure": as_message(error, shown)}, b""
    except OSError as error:
        limit = {errno.EFBIG: "size", errno.ENOMEM: "memory"}.get(error.errno or 0)
        return {"limit": limit} if limit else {"fault": f"{type(error).__name__}: {error.strerror}"}, b""


def _read(transcript: Path | None, speakers: Path | None, name: str) -> bytes:
    """Return as JSON what two files beside the recording ``name`` hold: words, and turns."""
    words = None if transcript is None else asdict(read_transcript(transcript))
    turns = None if speakers is None else [asdict(turn) for turn in read_rttm(speakers, Path(name).stem)]
    return json.dumps({"transcript": words, "turns": turns}).encode()


def _decoded(upload: Path, into: Path, wanted: Wanted, limits: Limits) -> dict[str, Any]:
    warnings: dict[str, None] = {}  # each once, in order
    info = probe(upload, warn=warnings.setdefault)
    if info.duration_s > limits.max_duration_s:
        raise _Exceeded("duration")
    if info.channels > limits.max_channels:
        raise _Exceeded("channels")
    left = limits.max_pcm_bytes
    most_samples = {rate_hz: (limits.max_duration_s + SLACK_S) * rate_hz for rate_hz in wanted.rates_hz}
    for rate_hz, channel in outputs(wanted, info.channels):
        path = sound_file(into, rate_hz, channel)
        path.unlink(missing_ok=True)  # of a process that died of it
        with path.open("xb", buffering=0) as file:
            for block in read_blocks(upload, sample_rate_hz=rate_hz, channel=channel, warn=warnings.setdefault):
                left -= block.nbytes
                if left < 0:
                    raise _Exceeded("size")
                file.write(block.astype("<f4", copy=False).data)
                if file.tell() > most_samples[rate_hz] * block.itemsize:  # a header may say less than there is
                    raise _Exceeded("duration")
    return {"duration_s": info.duration_s, "channels": info.channels, "warnings": [*warnings]}


if __name__ == "__main__":
    main()
