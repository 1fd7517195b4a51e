"""Every failure that a client can meet, as a problem of RFC 9457: what it is called, its status, what it means."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from emobridge.errors import (
    AudioError,
    EmobridgeError,
    LabelError,
    MissingExtraError,
    OutputError,
    TranscriptError,
    one_line,
)
from emobridge.server.processes.decoders import LimitError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 10.0  # of a job that failed for want of the service's
MOST_CHARACTERS = 500  # of what a client gave, told back to it


@dataclass(frozen=True)
class Kind:
    """One kind of failure.

    Attributes:
        status: of the answer.
        title: what it is called, the same each time.
        meaning: what it means and what to do, for the documentation.
    """

    status: int
    title: str
    meaning: str


KINDS = {
    "malformed": Kind(400, "The request cannot be understood", "The body is no whole multipart form. Send it again."),
    "key-needed": Kind(401, "An API key is needed", "Send 'Authorization: Bearer KEY' with a key of this service."),
    "foreign-origin": Kind(
        403, "A page of another origin asks", "A browser asked for a page that is not allowed; see --cors-origin."
    ),
    "not-found": Kind(404, "There is nothing here", "No such address, or a job that is not yours or has expired."),
    "method-not-allowed": Kind(405, "The method is not allowed", "The header Allow says which are."),
    "not-acceptable": Kind(406, "The format is not there", "GET /v1/formats lists the formats."),
    "too-slow": Kind(408, "The upload took too long", "Send it again over a better line, or in a smaller format."),
    "not-finished": Kind(409, "The job is not finished", "Ask again after the seconds that Retry-After says."),
    "cancelled": Kind(410, "The job was cancelled", "Its client went away while it waited. Send the recording again."),
    "too-large": Kind(413, "The request is too large", "Send less, in a format that takes less room for one."),
    "over-limit": Kind(
        413, "The recording needs more than the service gives", "It is too long, or takes too much time or memory."
    ),
    "unsupported-media-type": Kind(
        415, "The body has another type", "Send multipart/form-data, audio/*, video/* or application/octet-stream."
    ),
    "unsupported-format": Kind(415, "The format needs an extra", "The service lacks what reads it; convert it to WAV."),
    "unknown-host": Kind(
        421, "The service is not known under this name", "Whoever runs it can allow the name with --allowed-host."
    ),
    "invalid-parameter": Kind(422, "A parameter is not valid", "The members 'given' and 'valid' say which and why."),
    "unreadable-recording": Kind(422, "The recording cannot be read", "It is damaged, empty, or no sound at all."),
    "unreadable-transcript": Kind(422, "The words or turns cannot be read", "They are not in the format they claim."),
    "too-many-requests": Kind(429, "Too many requests", "Ask again after the seconds that Retry-After says."),
    "too-many-jobs": Kind(429, "Too many jobs at a time", "Wait until some of yours are finished."),
    "too-many-sockets": Kind(429, "Too many open streams", "Close some of yours."),
    "internal": Kind(
        500, "The service failed", "It is not your mistake. Whoever runs the service finds it in its log."
    ),
    "model-lost": Kind(503, "The model was lost", "Its process died several times at this recording."),
    "queue-full": Kind(503, "The queue is full", "Ask again after the seconds that Retry-After says."),
    "disk-full": Kind(503, "There is no room for the upload", "Ask again after the seconds that Retry-After says."),
    "stopping": Kind(503, "The service is stopping", "Ask again after the seconds that Retry-After says."),
    "not-ready": Kind(503, "The service is not ready", "The model is being loaded. Ask again in some seconds."),
}


class Problem(Exception):  # noqa: N818
    """A failure, told to the client.

    Args:
        kind: its entry in `KINDS`.
        given: what was given, with the offending value.
        valid: what would have been valid.
        remedy: what to do about it.
        retry_after_s: when it is worth another try.
        headers: more headers of the answer.
    """

    def __init__(
        self,
        kind: str,
        given: str = "",
        valid: str = "",
        remedy: str = "",
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.given, self.valid, self.remedy = (one_line(text)[:MOST_CHARACTERS] for text in (given, valid, remedy))
        self._retry_after_s = retry_after_s
        self._headers = dict(headers or {})

    @property
    def status(self) -> int:
        """Status of the answer."""
        return KINDS[self.kind].status

    def to_dict(self) -> dict[str, Any]:
        """Return the problem as its JSON object."""
        kind = KINDS[self.kind]
        detail = "; ".join(part for part in (self.given, self.valid, self.remedy) if part)
        told = {"given": self.given, "valid": self.valid, "remedy": self.remedy}
        return {
            "type": f"/problems/{self.kind}",
            "title": kind.title,
            "status": kind.status,
            "detail": detail or kind.meaning,
            **{name: text for name, text in told.items() if text},
        }

    def content(self) -> bytes:
        """Return the body of the answer."""
        return json.dumps(self.to_dict(), ensure_ascii=False).encode("utf-8", "replace")

    def headers(self) -> dict[str, str]:
        """Return the headers of the answer that are the problem's."""
        if self._retry_after_s is None:
            return self._headers
        return {"Retry-After": str(max(1, math.ceil(self._retry_after_s))), **self._headers}

    def at(self, location: str) -> Self:
        """Return the problem, with the address of the job that has it."""
        self._headers["Location"] = location
        return self

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Problem":
        """Return the problem that `to_dict` wrote."""
        given, valid, remedy = (str(values.get(name, "")) for name in ("given", "valid", "remedy"))
        kind = str(values["type"]).rpartition("/")[2]
        return cls(kind, given, valid, remedy, RETRY_AFTER_S if int(values["status"]) in (429, 503) else None)


def problem_of(error: EmobridgeError, shown: Callable[[str], str] = str) -> Problem:
    """Return what a client is told of an error of the library.

    Args:
        error: a mistake in what was sent.
        shown: text -> the same without what tells where the service keeps what was sent.
    """
    kinds: dict[type[EmobridgeError], str] = {
        LimitError: "over-limit",
        AudioError: "unreadable-recording",
        TranscriptError: "unreadable-transcript",
        LabelError: "invalid-parameter",
        OutputError: "not-acceptable",
        MissingExtraError: "unsupported-format",
    }
    kind = next((name for type_, name in kinds.items() if isinstance(error, type_)), None)
    if kind is None:
        return Problem("internal")
    return Problem(kind, shown(error.given), shown(error.valid), shown(error.remedy))
