"""Who may ask, from where: keys, the names of the service, origins of pages; and the headers of every answer."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from emobridge.errors import SettingsError
from emobridge.server.problems import Problem

KEY_BYTES = 32
KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
SUBPROTOCOL, KEY_SUBPROTOCOL = "emobridge.v1", "key."
KEY_COOKIE = "emobridge-key"  # the page sets it for one address and some seconds
UNSAFE_METHODS = ("POST", "PUT", "PATCH", "DELETE")

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What a stranger sent, or what was made of it, may do nothing in a browser that opens it from here.
CONTENT_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"microphone=(self), camera=(), geolocation=(), display-capture=()"),
)


class Keys:
    """The clients that have a key: a file of lines ``SHA-256 NAME``; the keys themselves are nowhere.

    A key is as random as its digest, so that a fast digest without salt tells nothing about it.

    Args:
        digests: name -> SHA-256 of its key, in hexadecimal digits.
    """

    def __init__(self, digests: Mapping[str, str]) -> None:
        self._digests = {name: bytes.fromhex(digest) for name, digest in digests.items()}

    def client(self, key: str) -> str | None:
        """Return whose key it is, None where it is nobody's; it takes the same time for whomever it is."""
        given = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        found = None
        for name, digest in self._digests.items():
            if hmac.compare_digest(given, digest):
                found = name
        return found


def read_keys(path: Path) -> dict[str, str]:
    """Return name -> digest of the keys in a file.

    Raises:
        SettingsError: it cannot be read, holds no key, or a line is none of a key.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        given = f"keys '{path}' cannot be read: {error}"
        raise SettingsError(given, "a file of keys is made by 'emobridge serve-key'", "make one") from error
    digests: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if not parts or parts[0].startswith("#"):
            continue
        if len(parts) != 2 or not re.fullmatch("[0-9a-f]{64}", parts[0]) or not KEY_NAME.fullmatch(parts[1]):
            valid = "a line is a SHA-256 in hexadecimal digits and a name"
            raise SettingsError(f"line {number} of '{path}'", valid, "make keys with 'emobridge serve-key'")
        digests[parts[1]] = parts[0]
    if not digests:
        raise SettingsError(f"keys '{path}' holds none", "it has a line for each", "run 'emobridge serve-key NAME'")
    return digests


def make_key(name: str, path: Path) -> str:
    """Return a fresh key and add its digest to a file of keys, which is made where it is not there.

    Raises:
        SettingsError: the name is none that a client can have, has a key already, or the file cannot be written.
    """
    if not KEY_NAME.fullmatch(name):
        valid = "letters, digits, '_', '.', '@' and '-', at most 64"
        raise SettingsError(f"name '{name}'", f"valid: {valid}", "choose another")
    if path.exists() and path.stat().st_size and name in read_keys(path):
        raise SettingsError(
            f"'{name}' has a key in '{path}'", "a name has one key", "delete its line or choose another"
        )
    key = f"emo_{secrets.token_urlsafe(KEY_BYTES)}"
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as lines:
            lines.write(f"{hashlib.sha256(key.encode()).hexdigest()} {name}\n")
    except OSError as error:
        given = f"keys '{path}' cannot be written: {error.strerror}"
        raise SettingsError(given, "the folder must be there and be writable", "choose another place") from error
    return key


class Door:
    """Who is let in.

    Args:
        keys: of the clients; None asks for none.
        hosts: names of the service besides loopback's; ``*`` is any.
        origins: of other pages that may use the service.
    """

    def __init__(self, keys: Keys | None, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self.keys = keys
        self._hosts = {host.lower() for host in (*LOOPBACK_NAMES, *hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def check_host(self, host: str) -> None:
        """Refuse a name that is not the service's: a page elsewhere may have pointed its own name here.

        Raises:
            Problem: it is none of ours.
        """
        name = re.sub(r":\d*$", "", host.lower())
        if name not in self._hosts and "*" not in self._hosts:
            remedy = "use one of these, or have the name allowed with --allowed-host"
            raise Problem("unknown-host", "the name in the header Host", f"valid: {', '.join(self._valid())}", remedy)

    def _valid(self) -> list[str]:
        return sorted(self._hosts)

    def is_listed(self, origin: str) -> bool:
        """Return whether pages of an origin may use the service though it is not theirs."""
        return origin.lower() in self._origins

    def check_origin(self, origin: str, host: str) -> None:
        """Refuse what a page elsewhere asks a browser to do here.

        Raises:
            Problem: the page is neither ours nor listed.
        """
        if urlsplit(origin).netloc.lower() != host.lower() and not self.is_listed(origin):
            remedy = "have its origin allowed with --cors-origin"
            raise Problem("foreign-origin", "the header Origin names another page", "valid: a page of ours", remedy)

    def client(
        self, address: str, authorization: str | None, subprotocols: Sequence[str] = (), cookies: str = ""
    ) -> str:
        """Return who asks: the name of the key, or the address where no keys are asked for.

        Args:
            address: of the other side.
            authorization: the header of that name.
            subprotocols: of a browser's socket, which cannot send that header.
            cookies: of a download, which cannot either; only where the request changes nothing.

        Raises:
            Problem: there is no key, or a wrong one.
        """
        if self.keys is None:
            return address
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            given = [each.removeprefix(KEY_SUBPROTOCOL) for each in subprotocols if each.startswith(KEY_SUBPROTOCOL)]
            named = (each.strip().partition("=") for each in cookies.split(";"))
            given += [unquote(value) for name, _, value in named if name == KEY_COOKIE]
            key = given[0] if given else ""
        client = self.keys.client(key.strip()) if key else None
        if client is None:
            told = "a key that is not known" if key else "no key"
            remedy = "send 'Authorization: Bearer KEY'"
            raise Problem("key-needed", told, "a key of this service", remedy, headers={"WWW-Authenticate": "Bearer"})
        return client
