"""The files in deploy/ fit the project: what they name is there, what they set is a setting, the unit is closed."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks.service.serving import Service
from emobridge.cli import app
from emobridge.server.settings import ENVIRONMENT, TOLD, Settings, read_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
    if line.strip()
]
LARGEST_EXPOSURE = 1.5  # of 10, as systemd reckons it


def arguments_of(name: str) -> list[str]:
    return [rest for instruction, rest in INSTRUCTIONS if instruction == name]


def copied() -> list[str]:
    """Return what the image copies out of the repository."""
    return [
        source
        for arguments in arguments_of("COPY")
        if not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    ]


def test_settings_are_told_as_they_are() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "scripts" / "make_service_docs"), "--check"]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def uncommented(name: str, mark: str) -> str:
    """Return the settings of an example file as if every one were set."""
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line.removeprefix("# ") for line in lines if re.match(mark, line))


def test_the_example_file_can_be_read_with_every_line_set(tmp_path: Path) -> None:
    (tmp_path / "serve.toml").write_text(uncommented("serve.toml", r"# \w+ = "), encoding="utf-8")
    assert set(tomllib.loads((tmp_path / "serve.toml").read_text(encoding="utf-8"))) == set(TOLD)
    assert read_settings({}, tmp_path / "serve.toml").port == 8000


def test_the_example_environment_names_every_setting() -> None:
    lines = uncommented("serve.env", rf"# {ENVIRONMENT}").splitlines()
    assert [line.partition("=")[0] for line in lines] == [f"{ENVIRONMENT}{name.upper()}" for name in TOLD]


def test_the_image_copies_what_is_there_and_the_build_may_see_it() -> None:
    rules = [line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if not line.startswith("#")]
    for source in copied():
        assert (ROOT / source).exists()
        assert f"!{source}" in rules
    assert rules[0] == "*"


def test_what_the_image_installs_are_extras_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", " ".join(arguments_of("RUN")))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert {"server", "media"} <= set(extras.split(","))


@pytest.mark.slow
def test_what_the_image_copies_is_enough_to_build_the_package(tmp_path: Path) -> None:
    for source in copied():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy2
        copy(ROOT / source, tmp_path / source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "made", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "made").glob("emobridge-*.whl")
    held = set(subprocess.check_output([sys.executable, "-m", "zipfile", "-l", str(wheel)], encoding="utf-8").split())
    needed = {"emobridge/default/fusion.onnx", "emobridge/segmentation/speech.onnx", "emobridge/server/page/index.html"}
    assert needed <= held


def test_the_image_runs_as_nobody_and_starts_the_service() -> None:
    assert arguments_of("USER") == ["emobridge"]
    assert arguments_of("ENTRYPOINT") == ['["emobridge", "serve"]']
    assert INSTRUCTIONS.index(["USER", "emobridge"]) < INSTRUCTIONS.index(["ENTRYPOINT", '["emobridge", "serve"]'])
    set_ = {name for arguments in arguments_of("ENV") for name in re.findall(rf"({ENVIRONMENT}\w+)=", arguments)}
    assert set_ == {f"{ENVIRONMENT}{name}" for name in ("HOST", "DATA", "KEYS")}
    assert arguments_of("EXPOSE") == [str(Settings.port)]


def health_command() -> list[str]:
    (check,) = arguments_of("HEALTHCHECK")
    return list(re.findall(r'"((?:[^"\\]|\\.)*)"', check.partition("CMD ")[2]))


def test_the_image_finds_a_service_healthy_while_it_is_ready(service: Service) -> None:
    program, *rest = health_command()
    assert program == "python"
    for port, status in ((service.port, 0), (1, 1)):
        environment = {**os.environ, f"{ENVIRONMENT}PORT": str(port)}
        done = subprocess.run([sys.executable, *rest], env=environment, capture_output=True, check=False)
        assert done.returncode == status


def unit() -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "emobridge.service", encoding="utf-8")
    return {name: dict(parser[name]) for name in parser.sections()}


def test_the_unit_starts_a_command_that_there_is() -> None:
    import typer

    program, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    assert Path(program).name == "emobridge"
    name, *rest = arguments
    typer.main.get_group(app).commands[name].make_context(name, rest)


def test_the_unit_lets_the_service_finish_what_is_in_hand() -> None:
    assert int(unit()["Service"]["TimeoutStopSec"]) > Settings.grace_s


@pytest.fixture
def installed_unit(tmp_path: Path) -> Path:
    """The unit, its program replaced by one that there is."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (DEPLOY / "emobridge.service").read_text(encoding="utf-8")
    path = tmp_path / "emobridge.service"
    path.write_text(text.replace("/opt/emobridge/bin/emobridge", sys.executable), encoding="utf-8")
    return path


def test_systemd_understands_the_unit(installed_unit: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(installed_unit)], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_unit_is_closed_to_what_the_service_does_not_need(installed_unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(installed_unit)]
    told = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    (exposure,) = re.findall(r"Overall exposure level for emobridge\.service: ([\d.]+)", told)
    assert float(exposure) <= LARGEST_EXPOSURE
