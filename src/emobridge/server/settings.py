"""Settings of the service: by flag, else by environment, else by file, else the default that stands here.

Design: a field below is a setting; its flag, its variable (``EMOBRIDGE_SERVE_`` and its name) and its key in the file
are made of its name, so that the three cannot come apart.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from emobridge.errors import SettingsError, nearest

ENVIRONMENT = "EMOBRIDGE_SERVE_"
MEBIBYTE = 1 << 20
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Told:
    """What a setting is, and the range of its values where they are numbers."""

    help: str
    low: float = 0.0
    high: float = math.inf


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; each field says what it is."""

    host: Annotated[str, Told("Address to listen at; other than loopback needs --keys.")] = "127.0.0.1"
    port: Annotated[int, Told("Port to listen at; 0 is any free one.", 0, 65535)] = 8000
    model: Annotated[Path | None, Told("Model directory; left out: the model that comes with emobridge.")] = None
    data: Annotated[
        Path | None, Told("Folder for uploads and results; left out: one below the user's state folder.")
    ] = None
    keys: Annotated[
        Path | None, Told("File of API keys, made by 'emobridge serve-key'; left out: none are asked for.")
    ] = None
    allowed_host: Annotated[
        tuple[str, ...], Told("Name under which clients reach the service, besides loopback's.")
    ] = ()
    cors_origin: Annotated[tuple[str, ...], Told("Origin of another web page that may use the service.")] = ()
    decoders: Annotated[int, Told("Processes that decode recordings.", 1, 64)] = min(2, CORES)
    threads: Annotated[int, Told("Recordings that are predicted at a time.", 1, 256)] = CORES
    batch_size: Annotated[int, Told("Largest number of recordings in a batch.", 1, 256)] = 8
    batch_wait_ms: Annotated[float, Told("How long the first recording of a batch waits for others.", 0, 1000)] = 3.0
    queue: Annotated[int, Told("Unfinished jobs of all clients; beyond them 503.", 1, 1_000_000)] = 256
    jobs_per_client: Annotated[int, Told("Unfinished jobs of one client; beyond them 429.", 1, 1_000_000)] = 64
    requests_per_minute: Annotated[int, Told("Requests of one client; beyond them 429.", 1, 10_000_000)] = 6000
    sockets: Annotated[int, Told("Live streams at a time, of all clients; beyond them 503.", 0, 10_000)] = 32
    sockets_per_client: Annotated[
        int, Told("Live streams and streams of events of one client; beyond them 429.", 1, 10_000)
    ] = 8
    connections: Annotated[int, Told("Connections at a time, of all clients; beyond them 503.", 1, 1_000_000)] = 1000
    max_upload_mb: Annotated[int, Told("Largest upload, in MiB.", 1, 1_000_000)] = 512
    max_disk_mb: Annotated[int, Told("Disk space of all uploads and results, in MiB.", 1, 100_000_000)] = 10_240
    max_decoded_mb: Annotated[int, Told("Disk space of one decoded recording, in MiB.", 1, 1_000_000)] = 2048
    max_duration_s: Annotated[float, Told("Longest recording or live stream.", 1, 1_000_000)] = 14_400.0
    max_channels: Annotated[int, Told("Most channels of a recording.", 1, 1024)] = 16
    max_transcript_kb: Annotated[int, Told("Largest transcript or file of turns, in KiB.", 1, 1_000_000)] = 4096
    decode_memory_mb: Annotated[int, Told("Memory of a decoding process, in MiB.", 128, 1_000_000)] = 1024
    decode_time_s: Annotated[float, Told("Longest time to decode a recording.", 0.1, 86_400)] = 300.0
    judge_time_s: Annotated[float, Told("Longest time to predict a recording.", 0.1, 86_400)] = 3600.0
    upload_time_s: Annotated[float, Told("Longest time of an upload.", 1, 86_400)] = 900.0
    idle_time_s: Annotated[float, Told("Longest time without data from an upload or a live stream.", 0.1, 3600)] = 30.0
    short_s: Annotated[float, Told("Longest recording whose result a request waits for.", 0, 3600)] = 60.0
    wait_s: Annotated[
        float, Told("How long a request waits for a result before it gets the address of its job.", 0, 3600)
    ] = 60.0
    results_s: Annotated[float, Told("How long results are kept.", 1, 31_536_000)] = 3600.0
    grace_s: Annotated[float, Told("How long a stop waits for unfinished recordings.", 0, 3600)] = 20.0
    log_level: Annotated[str, Told("debug, info, warning or error.")] = "info"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach the service."""
        if self.host == "localhost":
            return True
        import ipaddress

        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def folder(self) -> Path:
        """Where uploads and results are."""
        if self.data is not None:
            return self.data
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(state).expanduser() / "emobridge" / "serve"


TYPES = get_type_hints(Settings)
TOLD: dict[str, Told] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Settings, include_extras=True).items()
}


def read_settings(given: Mapping[str, Any], file: Path | None) -> Settings:
    """Return the settings: what was ``given`` by flag or environment, else what ``file`` says, else the defaults.

    Args:
        given: name -> value; None, or no values of a list, is not given.
        file: TOML, a key a setting.

    Raises:
        SettingsError: a key is unknown, a value has another type or is out of range, or the settings contradict.
    """
    values = _of_file(file) if file is not None else {}
    values |= {name: value for name, value in given.items() if value not in (None, (), [])}
    settings = Settings(**{name: _typed(name, value) for name, value in values.items()})
    _check(settings)
    return settings


def _of_file(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        given = f"settings '{file}' cannot be read: {error}"
        raise SettingsError(given, "a file of settings is TOML in UTF-8", "correct it") from error
    for name in values:
        if name not in TOLD:
            valid = f"valid: {', '.join(TOLD)}"
            raise SettingsError(f"setting '{name}' in '{file}'", valid, nearest(name, TOLD) or "leave it out")
    return values


def _typed(name: str, value: Any) -> Any:
    """Return a value as the setting has it.

    Raises:
        SettingsError: it is of another type.
    """
    kind = TYPES[name]
    if kind == tuple[str, ...] and isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind == Path | None and isinstance(value, str | Path):
        return Path(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (int, str) and type(value) is kind:
        return value
    wanted = {int: "a whole number", float: "a number", str: "text", tuple[str, ...]: "a list of texts"}
    raise SettingsError(f"setting {name} = {value!r}", f"it is {wanted.get(kind, 'a path')}", "correct it")


def _check(settings: Settings) -> None:
    for name, told in TOLD.items():
        value = getattr(settings, name)
        if isinstance(value, int | float) and not told.low <= value <= told.high:
            valid = f"valid: {told.low:g} to {told.high:g}"
            raise SettingsError(f"setting {name} = {value}", valid, "choose one of these")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        given = f"setting log_level = {settings.log_level!r}"
        raise SettingsError(given, "valid: debug, info, warning, error", "choose one of these")
    if settings.keys is None and not settings.is_loopback:
        given = f"the service would listen at '{settings.host}' without API keys"
        remedy = "make a key with 'emobridge serve-key NAME --keys FILE' and give --keys FILE"
        raise SettingsError(given, "without keys it listens at loopback alone", remedy)
    if settings.max_disk_mb < settings.max_decoded_mb + settings.max_upload_mb:
        needed = settings.max_decoded_mb + settings.max_upload_mb
        given = f"setting max_disk_mb = {settings.max_disk_mb}"
        valid = f"one recording alone may take {needed} (max_upload_mb + max_decoded_mb)"
        raise SettingsError(given, valid, "raise the one or lower the others")
