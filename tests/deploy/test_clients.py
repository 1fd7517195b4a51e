"""Every client in examples/clients is short, and runs as it stands against a service."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import emobridge
from benchmarks.service.serving import Service
from emobridge.audio.load import load_audio

ROOT = Path(__file__).parents[2]
CLIENTS = sorted((ROOT / "examples" / "clients").iterdir())
MAXIMUM_LINES = 30
NEW_SOCKETS = ("--experimental-websocket", "-e", "process.exit(typeof WebSocket === 'undefined' ? 1 : 0)")


@pytest.fixture(scope="module")
def raw_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of the packaged sample as raw 16-bit samples."""
    sound = load_audio(emobridge.sample(), sample_rate_hz=16_000)[: 12 * 16_000]
    path = tmp_path_factory.mktemp("sound") / "sound.raw"
    path.write_bytes((sound * 32767).astype(np.int16).astype("<i2").tobytes())
    return path


def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node is not installed")
    return found


def told_by(command: list[str], service: Service, sound: Path | None = None) -> list[str]:
    """Return the lines that a client prints."""
    environment = {**os.environ, "EMOBRIDGE_URL": service.url}
    given = sound.read_bytes() if sound else b""
    done = subprocess.run(command, cwd=ROOT, env=environment, input=given, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda path: path.name)
def test_client_is_short(client: Path) -> None:
    assert len(client.read_text(encoding="utf-8").splitlines()) <= MAXIMUM_LINES


@pytest.mark.parametrize("transcript", [False, True])
def test_python_uploads(service: Service, transcript: bool) -> None:
    given = ["src/emobridge/sample/two_speakers.flac", "src/emobridge/sample/two_speakers.txt"] if transcript else []
    lines = told_by([sys.executable, "-W", "error", "examples/clients/upload.py", *given], service)
    assert len(lines) == 6
    assert all(" s  " in line and "'valence'" in line for line in lines)


def test_curl_uploads(service: Service) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    lines = told_by(["bash", "examples/clients/upload.sh"], service)
    assert lines[0].startswith("file,start_s,end_s,speaker,text,category,")
    events = [line for line in lines if line.startswith("event:")]
    assert "event: segments" in events
    assert events[-1] == "event: done"
    assert sum(" --> " in line for line in lines) == 6


def test_node_uploads(service: Service) -> None:
    assert len(told_by([node(), "examples/clients/upload.mjs"], service)) == 6


def test_python_streams(service: Service, raw_sound: Path) -> None:
    assert len(told_by([sys.executable, "-W", "error", "examples/clients/stream.py"], service, raw_sound)) == 3


def test_node_streams(service: Service, raw_sound: Path) -> None:
    program = node()
    if subprocess.run([program, *NEW_SOCKETS], capture_output=True, check=False).returncode:
        pytest.skip("this Node has no WebSocket")
    command = [program, "--experimental-websocket", "examples/clients/stream.mjs", str(raw_sound)]
    assert len(told_by(command, service)) == 3
