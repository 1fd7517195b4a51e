"""The pages are true: examples run and print what the page says, commands parse, links lead somewhere."""

import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from emobridge.cli import app
from emobridge.training.experiments.recipe import parse_recipe

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d*\.\d+|\d+%")
# What the int8 graphs give differs a little between processors.
TOLERANCE, TOLERANCE_PERCENT = 0.05, 5

pages = pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES])


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def same_print(got: str, written: str) -> bool:
    """True where both say the same words, and shares and decimals nearly agree; spaces and bars do not count."""

    def words(text: str) -> str:
        return " ".join(re.sub(r"[\u2500-\u259f]", " ", NUMBER.sub("#", text)).split())

    def near(one: str, other: str) -> bool:
        tolerance = TOLERANCE_PERCENT if one.endswith("%") else TOLERANCE
        return abs(float(one.rstrip("%")) - float(other.rstrip("%"))) <= tolerance

    numbers = zip(NUMBER.findall(got), NUMBER.findall(written), strict=False)
    return words(got) == words(written) and all(near(*pair) for pair in numbers)


class Checker(doctest.OutputChecker):
    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(want, got, optionflags) or same_print(got, want)


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pages
def test_python_sessions_print_what_the_page_says(page: Path) -> None:
    source = "\n".join(blocks(page, "python"))
    session = doctest.DocTestParser().get_doctest(source, {}, page.name, str(page), 0)
    report: list[str] = []
    doctest.DocTestRunner(checker=Checker(), verbose=False).run(session, out=report.append)
    assert not report, "".join(report)


@pages
def test_shown_commands_print_what_the_page_says(page: Path) -> None:
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    for block in blocks(page, "console"):
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, written = shown.partition("\n")
            program, *arguments = shlex.split(command)
            assert program == "emobridge"
            program = str(Path(sys.executable).parent / program)
            done = subprocess.run(
                [program, *arguments], env=environment, capture_output=True, encoding="utf-8", check=False
            )
            assert done.returncode == 0, done.stderr
            assert same_print(done.stdout, written), done.stdout


@pages
def test_written_commands_exist_with_their_options(page: Path) -> None:
    commands = typer.main.get_group(app).commands
    lines = [line for block in blocks(page, "shell") for line in block.replace("\\\n", " ").splitlines()]
    for line in lines:
        program, *arguments = shlex.split(line, comments=True) or [""]
        if program == "emobridge":
            name, *rest = arguments
            commands[name].make_context(name, rest)


@pages
def test_written_recipes_have_only_keys_that_exist(page: Path) -> None:
    for block in blocks(page, "toml"):
        assert parse_recipe(tomllib.loads(block)).data.corpora


@pages
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text)):
        if target.startswith(("http:", "https:")):
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.is_relative_to(ROOT), f"{target} leads out of the repository"
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{target}#{anchor}"


def test_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 160
