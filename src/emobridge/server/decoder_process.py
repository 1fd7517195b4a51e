"""The process that reads strangers' files: `python -m emobridge.server.decoder_process PARENT LIMITS`.

It knows nothing but the file in hand, and has limits on its memory, on what it writes and on what it may open; the
parent watches the time. Nothing of the model is loaded here.
"""

import errno
import json
import resource
import sys
from pathlib import Path
from typing import Any

from emobridge.audio import probe, read_blocks
from emobridge.errors import EmobridgeError
from emobridge.server.confined import Channel, confine
from emobridge.server.decoded import Limit, Limits, Wanted, outputs, sound_file
from emobridge.server.messages import as_message, read

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
        channel.send(_reply(request.head, limits))


def _reply(request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    upload, into = Path(request["upload"]), Path(request["into"])
    wanted = Wanted(tuple(request["rates_hz"]), request["channels"])
    try:
        return _decoded(upload, into, wanted, limits)
    except _Exceeded as exceeded:
        return {"limit": exceeded.limit}
    except MemoryError:
        return {"limit": "memory"}
    except EmobridgeError as error:
        return {"failure": as_message(error, {upload: request["name"]})}
    except OSError as error:
        limit = {errno.EFBIG: "size", errno.ENOMEM: "memory"}.get(error.errno or 0)
        return {"limit": limit} if limit else {"fault": f"{type(error).__name__}: {error.strerror}"}


def _decoded(upload: Path, into: Path, wanted: Wanted, limits: Limits) -> dict[str, Any]:
    info = probe(upload)
    if info.duration_s > limits.max_duration_s:
        raise _Exceeded("duration")
    if info.channels > limits.max_channels:
        raise _Exceeded("channels")
    left = limits.max_pcm_bytes
    most_samples = {rate_hz: (limits.max_duration_s + SLACK_S) * rate_hz for rate_hz in wanted.rates_hz}
    for rate_hz, channel in outputs(wanted, info.channels):
        with sound_file(into, rate_hz, channel).open("xb", buffering=0) as file:
            for block in read_blocks(upload, sample_rate_hz=rate_hz, channel=channel):
                left -= block.nbytes
                if left < 0:
                    raise _Exceeded("size")
                file.write(block.astype("<f4", copy=False).data)
                if file.tell() > most_samples[rate_hz] * block.itemsize:  # a header may say less than there is
                    raise _Exceeded("duration")
    return {"duration_s": info.duration_s, "channels": info.channels}


if __name__ == "__main__":
    main()
