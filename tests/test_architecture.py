"""The shape of the tree: levels, no cycles, sizes, no torch below the line, names, and the page that describes it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "emobridge"


def in_learning(names: str) -> tuple[str, ...]:
    return tuple(f"learning.{name}" for name in names.split())


# A module imports from lower levels, or from lines above it in its own level; a package stands for all its modules.
# docs/architecture.md shows the same table with a line for each file.
LEVELS: tuple[tuple[str, ...], ...] = (
    ("version", "errors", "registry", "memory", "threads", "labels", "voices", "results"),
    ("decoding", "audio", "graphs", "speech", "quality", "segmentation", "transcripts"),
    ("encoders", "speakers", "bundle", "runtime"),
    ("timeline", "alignment", "sources", "planning", "hearing", "stream", "predict", "pictures", "writers", "plots"),
    (
        "learning",
        *in_learning(
            "storage corpora weak_labels near_duplicates folds protocols leaks cache perturbations front_ends features "
            "partners "
            "voice_shift batches orders"
        ),
    ),
    in_learning(
        "attention moments heeding model turns ensemble losses modality_masking compact minilm hub_checkpoints "
        "frozen_layers disentangled streamlined hub_graphs precisions hub_encoders hub_speech hub_text system "
        "weak_teaching"
    ),
    in_learning("training evaluation domain teaching"),
    in_learning(
        "overrides recipe requirements grid frozen_texts preparation transcript_sources record report experiment "
        "side_by_side crossvalidation bundle_trial export"
    ),
    (
        *("", "server", "benchmark", "recordings", "judging", "progress", "journal", "workers", "folders", "bulk"),
        *("cli_bulk", "cli_predict", "cli_report", "incoming", "cli_listen", "cli_corpus", "cli_learning"),
        *("cli_serve", "cli_benchmark", "cli"),
    ),
)
DOORS = len(LEVELS)
ROOTS = ("", "learning")  # Their modules have entries of their own.
# Packages whose modules share one protocol, and what these may import of each other.
PROTOCOL_PACKAGES = {
    "transcripts": {"base", "files", "names", "tiers", "words"},
    "speakers": {"base"},
    "encoders": {"base", "log_mel", "descriptors", "functionals"},
    "writers": {"base", "tables", "tracks"},
    "learning.corpora": {"base", "manifests", "table"},
}
LEARNING_PACKAGES = {
    "torch",
    "transformers",
    "safetensors",
    "pandas",
    "sklearn",
    "scipy",
    "onnx",
    "accelerate",
    "pyarrow",
}

MAXIMUM_FILE_LINES = 400
MAXIMUM_FUNCTION_LINES = 60
MAXIMUM_TRACKED_BYTES = 35_000_000


def module_name(path: Path) -> str:
    """Return ``learning.model`` for src/emobridge/learning/model.py, and an empty name for the root package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
modules = pytest.mark.parametrize("name", [pytest.param(name, id=name or "__init__") for name in MODULES])


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def place_of(name: str) -> tuple[int, int] | None:
    """Return (level, line in the level) of the entry that a module belongs to; None where the table lacks it."""
    for level, entries in enumerate(LEVELS, start=1):
        for line, entry in enumerate(entries):
            if name == entry or (entry not in ROOTS and name.startswith(entry + ".")):
                return level, line
    return None


def imported_names(name: str) -> Iterator[str]:
    """Yield the full name of everything that a module imports, inside functions too."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = f"emobridge.{package}".rstrip(".").split(".")
                base = ".".join([*above[: len(above) - node.level + 1], *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def internal_imports(name: str) -> set[str]:
    """Return the modules of emobridge that a module imports."""
    found = set()
    for imported in imported_names(name):
        if imported.partition(".")[0] == "emobridge":
            inner = imported.removeprefix("emobridge").removeprefix(".")
            found.add(inner if inner in MODULES else inner.rpartition(".")[0])
    return found


def type_checking_lines(name: str) -> set[int]:
    blocks = [node for node in ast.walk(tree_of(name)) if isinstance(node, ast.If)]
    return {
        line
        for block in blocks
        if isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for line in range(block.lineno, (block.end_lineno or block.lineno) + 1)
    }


def external_imports(name: str) -> set[str]:
    """Return the top-level packages that a module imports at run time."""
    for_types = type_checking_lines(name)
    found = set()
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import) and node.lineno not in for_types:
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.lineno not in for_types:
            found.add((node.module or "").partition(".")[0])
    return found - {"emobridge"}


def identifiers(name: str) -> Iterator[str]:
    for node in ast.walk(tree_of(name)):
        for field in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str) and not (isinstance(node, ast.alias) and field == "name"):
                yield value


@modules
def test_every_module_has_a_level(name: str) -> None:
    assert place_of(name) is not None


@modules
def test_imports_point_down(name: str) -> None:
    place = place_of(name)
    for imported in internal_imports(name):
        target = place_of(imported)
        if place is None or target is None or target == place:
            continue
        assert target < place, f"emobridge.{name} (level {place[0]}) imports emobridge.{imported} (level {target[0]})"


@modules
def test_nothing_inside_imports_a_door(name: str) -> None:
    place = place_of(name)
    if place is None or place[0] < DOORS:
        assert all((place_of(imported) or (0, 0))[0] < DOORS for imported in internal_imports(name))


@modules
def test_using_wing_never_imports_the_learning_wing(name: str) -> None:
    place = place_of(name)
    if place is not None and place[0] <= 4:
        assert not {imported for imported in internal_imports(name) if imported.startswith("learning")}


@modules
def test_siblings_in_a_protocol_package_import_only_what_all_share(name: str) -> None:
    package = name.rpartition(".")[0]
    if package in PROTOCOL_PACKAGES:
        siblings = {imported for imported in internal_imports(name) if imported.startswith(f"{package}.")}
        assert siblings <= {f"{package}.{shared}" for shared in PROTOCOL_PACKAGES[package]}


def test_no_import_cycles() -> None:
    graph = {name: internal_imports(name) - {name} for name in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


@modules
def test_heavy_packages_stay_in_the_learning_wing(name: str) -> None:
    if not name.startswith("learning"):
        assert not external_imports(name) & LEARNING_PACKAGES


@modules
def test_files_and_functions_are_small(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= MAXIMUM_FILE_LINES
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAXIMUM_FUNCTION_LINES, f"{node.name} has {lines} lines"


@modules
def test_no_identifier_says_vad(name: str) -> None:
    def words(identifier: str) -> set[str]:
        spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", identifier)
        return set(spaced.lower().split("_"))

    assert not [identifier for identifier in identifiers(name) if "vad" in words(identifier)]


def offered_names(name: str) -> set[str]:
    """Return what a package's ``__init__`` defines, or imports from its own modules, for others."""
    names: set[str] = set()
    for node in tree_of(name).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"emobridge.{name}".rstrip(".")):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return {name for name in names if not name.startswith("_")}


@modules
def test_all_lists_every_public_name_that_a_package_offers(name: str) -> None:
    for node in tree_of(name).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            assert offered_names(name) <= set(ast.literal_eval(node.value))


def test_front_door_exports_resolve() -> None:
    import emobridge

    assert all(hasattr(emobridge, name) for name in emobridge.__all__)


def documented_modules() -> dict[str, int]:
    """Return path -> level from the tables of docs/architecture.md, whose rows start ``| `path` |``."""
    levels: dict[str, int] = {}
    level = 0
    for line in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"### Level (\d+)", line):
            level = int(heading[1])
        elif row := re.match(r"\| `([\w/]+\.py)` \|", line):
            levels[row[1]] = level
    return levels


def test_architecture_page_lists_exactly_the_real_modules_with_their_levels() -> None:
    places = {path.relative_to(PACKAGE).as_posix(): place_of(name) for name, path in MODULES.items()}
    assert documented_modules() == {path: place and place[0] for path, place in places.items()}


def files_of_the_repository() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_is_too_large_to_keep() -> None:
    assert not [path for path in files_of_the_repository() if path.stat().st_size > MAXIMUM_TRACKED_BYTES]


def test_no_text_names_a_path_of_one_machine() -> None:
    local = re.compile(rb"(?<![\w.>-])/(work|tmp|home|root|Users)/")
    named = []
    for path in files_of_the_repository():
        content = path.read_bytes()
        if b"\0" not in content and local.search(content):
            named.append(path.relative_to(ROOT).as_posix())
    assert not named


WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def run_without_torch(code: str, *arguments: str) -> str:
    blocked = WITHOUT_TORCH.format(blocked=sorted(LEARNING_PACKAGES))
    command = [sys.executable, "-W", "error", "-c", blocked + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_using_wing_and_command_line_import_without_the_extra_train() -> None:
    names = [f"emobridge.{name}".rstrip(".") for name in MODULES if not name.startswith(("learning", "cli_learning"))]
    code = "import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint('imported')"
    assert run_without_torch(code, *names).strip() == "imported"


PREDICT = """
from pathlib import Path
import emobridge
result = emobridge.load(sys.argv[1] or None).predict(sys.argv[2], transcript=Path(sys.argv[3]))
print(result.duration_s, result.segments[0].modalities)
"""
SAMPLE = PACKAGE / "sample" / "two_speakers.flac"


def test_default_bundle_predicts_without_the_extra_train() -> None:
    printed = run_without_torch(PREDICT, "", str(SAMPLE), str(SAMPLE.with_suffix(".txt")))
    assert printed.strip() == "24.0 ('acoustic', 'linguistic')"


def test_any_bundle_predicts_without_the_extra_train(toy_bundle: Path) -> None:
    printed = run_without_torch(PREDICT, str(toy_bundle), str(SAMPLE), str(SAMPLE.with_suffix(".txt")))
    assert printed.strip() == "24.0 ('acoustic', 'linguistic')"
