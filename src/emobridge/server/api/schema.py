"""The service in words for programs: what OpenAPI says of each route, its problems and its examples."""

from typing import Any

from pydantic import TypeAdapter

from emobridge.results import Result
from emobridge.server.api.formats import PLAIN_TYPES
from emobridge.server.problems import KINDS, MEDIA_TYPE, Problem
from emobridge.server.settings import Settings
from emobridge.writers import MEDIA_TYPES

DESCRIPTION = """Emotion in speech and its transcript: categories and valence, arousal and dominance over time.

Live sound goes over a socket, `WS /v1/stream?sample_rate_hz=16000&encoding=s16le&every_s=1&categories=four`: binary
messages are mono samples, the text message `{"type": "end"}` ends them. The service answers with text messages
`{"type": "segment", "segment": ...}`, `{"type": "current", "segment": ...}`, `{"type": "result", "result": ...}` and
`{"type": "problem", "problem": ...}`. A browser gives its key as a second subprotocol: `["emobridge.v1", "key.KEY"]`.

A prediction describes a way of speaking, not what a person truly feels."""
ID = "5f2b8c1d9e3a47f6b0c1d2e3f4a5b6c7"
SEGMENT_EXAMPLE = {
    "start_s": 0.0, "end_s": 3.2, "speaker": "A", "text": "I am so happy today.", "category": "happy",
    "probabilities": {"happy": 0.71, "neutral": 0.29}, "dimensions": {"valence": 0.81, "arousal": 0.6},
    "intervals": {"valence": [0.6, 1.0]}, "categories_90": ["happy", "neutral"],
    "modalities": ["acoustic", "linguistic"],    "flags": [], "abstain": None, "words": [],
}  # fmt: skip
SUMMARY_EXAMPLE = {
    "duration_s": 3.2, "category": "happy", "shares": {"happy": 0.71, "neutral": 0.29}, "mean": {"valence": 0.81},
    "spread": {"valence": 0.0}, "turning_points": [],
}  # fmt: skip
RESULT_EXAMPLE = {
    "file": "call.wav", "duration_s": 3.2, "model": {"name": "emobridge", "version": "1.0.0", "sha256": "0" * 64},
    "segments": [SEGMENT_EXAMPLE], "speakers": {"A": SUMMARY_EXAMPLE}, "summary": SUMMARY_EXAMPLE, "warnings": [],
}  # fmt: skip
JOB_EXAMPLE = {
    "id": ID, "state": "judging", "progress": 0.4, "duration_s": 612.5, "name": "call.wav",
    "created_at": "2026-01-31T09:30:00.000Z", "expires_at": None, "position": None,
    "links": {"self": f"/v1/jobs/{ID}", "result": f"/v1/jobs/{ID}/result", "events": f"/v1/jobs/{ID}/events"},
    "problem": None,
}  # fmt: skip
JSONL_EXAMPLE = '{"file": "call.wav", "start_s": 0.0, "end_s": 3.2, "category": "happy"}\n'
MODELS_EXAMPLE = {
    "models": [
        {
            "name": "default", "version": "0.1.0", "sha256": "0" * 64, "description": "Compact.", "licence": "CC0-1.0",
            "categories": ["angry", "happy", "neutral", "sad"], "views": {"four": ["angry", "happy", "neutral", "sad"]},
            "dimensions": [{"name": "valence", "scale": [0, 1], "supervision": {"acoustic": "weak"}}],
            "modalities": ["acoustic", "linguistic"], "languages": ["en"], "sample_rate_hz": 16_000, "window_s": 4.0,
            "training_data": [{"corpus": "crema_d", "licence": "ODbL-1.0", "speakers": 91}],
        }
    ]
}  # fmt: skip
FORMATS_EXAMPLE = [{"name": "textgrid", "extension": "TextGrid", "media_type": MEDIA_TYPES["textgrid"]}]
TEXT, FLAG = {"type": "string"}, {"type": "boolean"}


def _maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _object(properties: dict[str, Any], told: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": told, "required": required, "properties": properties}


def _each(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _results() -> dict[str, Any]:
    """Return the schemas of a result and its parts, which are dataclasses of the library."""
    made = TypeAdapter(Result).json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    schemas = {**made.pop("$defs"), "Result": made}
    for schema in schemas.values():
        schema["description"] = schema["description"].partition("\n")[0]
        schema["required"] = list(schema["properties"])  # `Result.to_dict` leaves none out
        for member in schema["properties"].values():
            for key in ("title", "default"):
                member.pop(key, None)
    return schemas


SCHEMAS: dict[str, Any] = {
    **_results(),
    "Problem": _object(
        {
            "type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "given": TEXT, "valid": TEXT,
            "remedy": TEXT,
        },
        "What went wrong (RFC 9457); its `type` is an address that explains it.",
        optional=("given", "valid", "remedy"),
    ),
    "Job": _object(
        {
            "id": TEXT, "state": {"enum": ["queued", "decoding", "judging", "done", "failed", "cancelled"]},
            "progress": {"type": "number", "minimum": 0, "maximum": 1}, "duration_s": _maybe("number"), "name": TEXT,
            "created_at": {"type": "string", "format": "date-time"},
            "expires_at": {"type": ["string", "null"], "format": "date-time"}, "position": _maybe("integer"),
            "links": _object({"self": TEXT, "result": TEXT, "events": TEXT}, "Addresses of the job."),
            "problem": {"anyOf": [_each("Problem"), {"type": "null"}]},
        },
        "An accepted recording.",
    ),
    "Models": _object({"models": {"type": "array", "items": {"type": "object"}}}, "The models of the service."),
    "Formats": {
        "type": "array",
        "items": _object({"name": TEXT, "extension": TEXT, "media_type": TEXT}, "A format of results."),
    },
}  # fmt: skip

SPEAKERS = "^([1-9]|[1-5][0-9]|6[0-4]|channels)$"
_OPTIONS = {
    "transcript": {
        **TEXT,
        "description": "The words; in a form also as a file: .txt, .srt, .vtt, .json, .TextGrid, ...",
    },
    "speakers": {
        **TEXT,
        "pattern": SPEAKERS,
        "description": "How many speak, or 'channels' (one each); in a form also an .rttm file.",
    },
    "channel": {
        "type": "integer",
        "minimum": 1,
        "maximum": Settings.max_channels,
        "description": "Channel to use; left out: mixed down.",
    },
    "categories": {**TEXT, "description": "One of the model's views, such as four; left out: all its categories."},
    "keep": {**FLAG, "default": False, "description": "Whether the recording is kept as long as its result."},
    "name": {**TEXT, "description": "Name of the recording."},
}
_BINARY = {"type": "string", "format": "binary"}
RAW_TYPES = ("application/octet-stream", "audio/wav", "audio/flac", "audio/mpeg", "audio/ogg", "audio/mp4", "video/mp4")
POST_EXTRA: dict[str, Any] = {
    "parameters": [
        *({"name": name, "in": "query", "required": False, "schema": schema} for name, schema in _OPTIONS.items()),
        {
            "name": "Prefer", "in": "header", "required": False, "schema": TEXT, "example": "respond-async",
            "description": "'respond-async': answer with a job at once; 'wait=N': wait N seconds for the result.",
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object", "properties": {"recording": _BINARY, **_OPTIONS},
                    "anyOf": [{"required": ["recording"]}, {"required": ["transcript"]}],
                },
                "example": {"transcript": "I am so happy today."},
            },
            **{name: {"schema": _BINARY} for name in RAW_TYPES},
        },
    },
}  # fmt: skip

_ANYWHERE = ("unknown-host", "internal")
_OF_CLIENTS = (*_ANYWHERE, "key-needed", "too-many-requests")
OF_POST = (
    *_OF_CLIENTS, "malformed", "foreign-origin", "not-acceptable", "too-slow", "cancelled", "too-large", "over-limit",
    "unsupported-media-type", "unsupported-format", "invalid-parameter", "unreadable-recording",
    "unreadable-transcript", "too-many-jobs", "model-lost", "queue-full", "disk-full", "stopping",
)  # fmt: skip
OF_RESULT = (
    *_OF_CLIENTS, "not-found", "not-acceptable", "not-finished", "cancelled", "over-limit", "unsupported-format",
    "unreadable-recording", "unreadable-transcript", "invalid-parameter", "model-lost",
)  # fmt: skip
OF_JOB = (*_OF_CLIENTS, "not-found")
OF_EVENTS = (*OF_JOB, "too-many-sockets")
OF_DELETE = (*OF_JOB, "foreign-origin")
OF_MODEL = (*_OF_CLIENTS, "not-found", "not-ready")
OF_CLIENTS = _OF_CLIENTS
OF_READY = (*_ANYWHERE, "not-ready")
OF_PAGE = (*_ANYWHERE, "not-found")
OF_ANYWHERE = _ANYWHERE


def problems(kinds: tuple[str, ...]) -> dict[int, dict[str, Any]]:
    """Return what OpenAPI says of the problems that a route can have, by status."""
    found: dict[int, dict[str, Any]] = {}
    for name in kinds:
        kind = KINDS[name]
        said = found.setdefault(kind.status, {"description": "", "content": {MEDIA_TYPE: {"examples": {}}}})
        said["description"] = " ".join(filter(None, [said["description"], f"{kind.title}: {kind.meaning}"]))
        content = said["content"][MEDIA_TYPE]
        content["schema"] = _each("Problem")
        content["examples"][name] = {"value": Problem(name).to_dict()}
        if kind.status in (429, 503):
            told = {"description": "Seconds until it is worth another try.", "schema": {"type": "integer"}}
            said["headers"] = {"Retry-After": told}
    return found


def of_json(name: str, told: str, example: Any) -> dict[str, Any]:
    """Return what OpenAPI says of an answer in JSON."""
    return {"description": told, "content": {"application/json": {"schema": _each(name), "example": example}}}


def of_result() -> dict[str, Any]:
    """Return what OpenAPI says of a result, in each format."""
    content: dict[str, Any] = {PLAIN_TYPES[name]: {"schema": _BINARY} for name in MEDIA_TYPES}
    content["application/json"] = {"schema": _each("Result"), "example": RESULT_EXAMPLE}
    content[PLAIN_TYPES["jsonl"]]["example"] = JSONL_EXAMPLE
    return {"description": "The result, in the format that was asked for.", "content": content}


def of_text(media_type: str, told: str) -> dict[str, Any]:
    """Return what OpenAPI says of an answer in text."""
    return {"description": told, "content": {media_type: {"schema": TEXT}}}


def of_events() -> dict[str, Any]:
    """Return what OpenAPI says of server-sent events."""
    told = "Events: progress, segments (those that became final), restarted (all segments anew), done, failed."
    event = _object({"event": TEXT, "data": {**TEXT, "description": "JSON."}}, "One event.")
    return {"description": told, "content": {"text/event-stream": {"schema": event}}}
