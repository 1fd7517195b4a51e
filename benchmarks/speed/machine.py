"""The machine that something was measured on, in words: what a stored figure is worth nothing without."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emobridge.utils.threads import cores

# What decides how fast products of matrices are, as Linux names it.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")
PACKAGES = ("emobridge", "numpy", "onnxruntime", "soundfile", "soxr", "tokenizers", "torch", "transformers")


def describe(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Return the machine, the versions of ``packages`` that are installed, and the time, as plain values.

    ``load`` is how many processes wanted a core over the last minute: above 0 before a measurement starts, other work
    runs beside it.
    """
    processor, flags = _processor()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor,
        "instructions": [name for name in INSTRUCTIONS if name in flags],
        "cores": len(cores()),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version for name in packages if (version := version_of(name)) is not None},
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def sentence(machine: dict[str, Any]) -> str:
    """Return what `describe` gave in one sentence, for a page."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    memory = "" if machine["memory_gb"] is None else f", {machine['memory_gb']:g} GB of memory"
    busy = "" if machine["load"] is None else f" Load average when it began: {machine['load']:g}."
    return (
        f"{machine['processor']} ({', '.join(machine['instructions']) or 'instructions not known'}), "
        f"{machine['cores']} cores{memory}, {machine['system']}, Python {machine['python']}; {versions}. "
        f"{machine['date'][:10]}.{busy}"
    )


def version_of(package: str) -> str | None:
    """Return the version of an installed package; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> tuple[str, set[str]]:
    """Return the processor's name and what it can do; where the system does not say, its architecture and nothing."""
    told: dict[str, str] = {}
    path = Path("/proc/cpuinfo")
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        name, _, value = line.partition(":")
        told.setdefault(name.strip(), value.strip())
    family = f", family {told['cpu family']} model {told['model']}" if "cpu family" in told else ""
    name = told.get("model name") or platform.processor() or platform.machine()
    return name + family, set((told.get("flags") or told.get("Features") or "").split())


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
