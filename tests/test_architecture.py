"""The shape of the tree: arrows that point one way, sizes, no torch where predictions are made, and names."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "emobridge"

# A part imports from itself and from the parts before it; "emobridge" is the front door, `emobridge/__init__.py`.
ORDER = (
    *("version", "errors", "labels", "utils", "results"),
    *("audio", "features", "segmentation", "transcripts", "diarization"),
    *("encoders", "inference", "visualization", "writers"),
    *("training.corpora", "training.splits", "training.data", "training.models", "training.fit"),
    *("training.evaluation", "training.experiments", "training.report", "training"),
    *("emobridge", "batch"),
    *(
        "server",
        "server.processes",
        "server.problems",
        "server.security",
        "server.settings",
        "server.metrics",
        "server.jobs",
    ),
    *("server.service", "server.api", "server.running", "cli"),
)
# Where one file is one format or corpus, and what these files share: siblings import nothing else of each other.
REGISTRIES = {
    "transcripts": {"base", "files", "speaker_prefixes", "tiers", "asr_words", "json_shapes"},
    "writers": {"base", "tables", "tracks"},
    "training.corpora": {"base", "manifests", "table"},
}
# Packages of the extra [train], and where they may be imported.
HEAVY = {"torch", "transformers", "safetensors", "pandas", "sklearn", "scipy", "onnx", "accelerate", "pyarrow"}
HEAVY_PARTS = ("training", "encoders.hub")

MAXIMUM_FILE_LINES = 400
MAXIMUM_FUNCTION_LINES = 60
MAXIMUM_FOLDER_MODULES = 14
MAXIMUM_TRACKED_BYTES = 35_000_000


def module_name(path: Path) -> str:
    """Return ``training.fit.losses`` for src/emobridge/training/fit/losses.py, ``emobridge`` for the root package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "emobridge"


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def part_of(name: str) -> str | None:
    """Return the entry of `ORDER` that a module belongs to: the longest one that its name starts with."""
    found = [part for part in ORDER if name == part or name.startswith(f"{part}.")]
    return max(found, key=len, default=None)


def imported_names(name: str) -> Iterator[str]:
    """Yield the full name of everything of emobridge that a module imports, inside functions and by strings too."""
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            module = node.value.partition(":")[0]
            if module.removeprefix("emobridge.") in MODULES and module.startswith("emobridge."):
                yield module


def internal_imports(name: str) -> set[str]:
    """Return the modules of emobridge that a module imports."""
    found = set()
    for imported in imported_names(name):
        if imported == "emobridge" or imported.startswith("emobridge."):
            inner = imported.removeprefix("emobridge").removeprefix(".") or "emobridge"
            found.add(inner if inner in MODULES else inner.rpartition(".")[0] or "emobridge")
    return found - {name}


def external_imports(name: str) -> set[str]:
    """Return the top-level packages that a module imports at run time."""
    for_types = {
        node
        for block in ast.walk(tree_of(name))
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import) and node not in for_types:
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node not in for_types:
            found.add((node.module or "").partition(".")[0])
    return found


def test_every_part_imports_only_from_parts_before_it() -> None:
    assert [name for name in MODULES if part_of(name) is None] == []
    place = {name: ORDER.index(part_of(name) or "") for name in MODULES}
    up = [(name, other) for name in MODULES for other in internal_imports(name) if place[other] > place[name]]
    assert up == []


def test_there_is_no_import_cycle_even_through_strings() -> None:
    graph = {name: internal_imports(name) for name in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_siblings_of_a_registry_import_only_what_all_share() -> None:
    for package, shared in REGISTRIES.items():
        siblings = [
            name for name in MODULES if name.rpartition(".")[0] == package and name.rpartition(".")[2] not in shared
        ]
        for name in siblings:
            others = {other for other in internal_imports(name) if other.startswith(f"{package}.")}
            assert others <= {f"{package}.{each}" for each in shared}, name


def test_heavy_packages_stay_where_they_are_needed() -> None:
    light = [name for name in MODULES if not name.startswith(HEAVY_PARTS)]
    assert {name: found for name in light if (found := external_imports(name) & HEAVY)} == {}


def test_files_functions_and_folders_are_small() -> None:
    for name, path in MODULES.items():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MAXIMUM_FILE_LINES, name
        for node in ast.walk(tree_of(name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                assert lines <= MAXIMUM_FUNCTION_LINES, f"{name}: {node.name} has {lines} lines"
    modules = [path for path in MODULES.values() if path.name != "__init__.py"]
    folders = Counter(path.parent.relative_to(PACKAGE).as_posix().replace("/", ".") for path in modules)
    wide = {folder: count for folder, count in folders.items() if count > MAXIMUM_FOLDER_MODULES}
    assert set(wide) <= set(REGISTRIES), wide
    assert sorted(path.name for path in PACKAGE.glob("*.py")) == [
        "__init__.py", "errors.py", "labels.py", "results.py", "version.py",
    ]  # fmt: skip


def identifiers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str) and not (isinstance(node, ast.alias) and field == "name"):
                yield value


def test_no_identifier_says_vad_and_no_test_has_a_long_name() -> None:
    for name in MODULES:
        for identifier in identifiers(tree_of(name)):
            spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", identifier)
            assert "vad" not in spaced.lower().split("_"), f"{name}: {identifier}"
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                assert len(node.name) < 80, f"{path.name}: {node.name}"


def test_every_class_name_is_defined_once() -> None:
    defined = [node.name for name in MODULES for node in ast.walk(tree_of(name)) if isinstance(node, ast.ClassDef)]
    assert {name for name, count in Counter(defined).items() if count > 1} == set()


def test_all_lists_every_public_name_that_a_package_offers() -> None:
    for name in MODULES:
        offered: set[str] = set()
        listed: set[str] | None = None
        for node in tree_of(name).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"emobridge.{name}"):
                offered |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                offered.add(node.name)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                listed = set(ast.literal_eval(node.value))
        if listed is not None:
            assert {each for each in offered if not each.startswith("_")} <= listed, name


def test_no_file_is_too_large_and_no_text_names_a_path_of_one_machine() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
    assert [path for path in paths if path.stat().st_size > MAXIMUM_TRACKED_BYTES] == []
    local = re.compile(rb"(?<![\w.>-])/(work|tmp|home|root|Users)/")
    contents = {path: path.read_bytes() for path in paths}
    assert [path for path, content in contents.items() if b"\0" not in content and local.search(content)] == []


WITHOUT_HEAVY = f"""
import importlib, sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(HEAVY)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
bundle, sample, *names = sys.argv[1:]
for name in names:
    importlib.import_module(name)
import emobridge
for model in (None, bundle):
    result = emobridge.load(model).predict(sample, transcript=Path(sample).with_suffix(".txt"))
    print(result.duration_s, *result.segments[0].modalities)
"""


def test_any_bundle_predicts_without_the_extra_train(toy_bundle: Path) -> None:
    names = [name for name in MODULES if not name.startswith((*HEAVY_PARTS, "cli.training", "emobridge"))]
    sample = PACKAGE / "sample" / "two_speakers.flac"
    arguments = [str(toy_bundle), str(sample), *(f"emobridge.{name}" for name in names)]
    command = [sys.executable, "-W", "error", "-c", WITHOUT_HEAVY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines(), done.returncode) == (["24.0 acoustic linguistic"] * 2, 0), done.stderr
