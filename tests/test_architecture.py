"""The rules of the house: who may import whom, and that the README's file tree is true."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "cxr_core"

SHARED = {"records", "errors", "settings", "site", "card", "serial", "voices"}
"""What every stage may know: the records, their JSON, and what several models say together."""

STAGES = {"read", "gate", "prepare", "detect", "explain", "triage", "store", "export"}
HELPERS = {
    "operating",
    "budget",
    "engine",
    "readahead",
    "outside",
    "journal",
    "phantom",
    "corpus",
    "simulate",
    "context",
    "agreement",
    "drift",
    "operations",
}
"""Mechanisms without a place in the chain; they import SHARED alone."""

SOURCES = {"corpus": {"phantom"}, "simulate": {"triage"}}
"""Where a helper has its films, or its rules, from."""

JOINERS = {
    "pipeline", "models", "answers", "explained", "shortcut", "intake", "opening", "deidentify", "commands", "__main__",
    "exchange", "outgoing", "queueing", "takeout"}  # fmt: skip
"""pipeline joins the chain, with a part of its work in each of the modules that it alone imports."""


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def _imports(path: Path) -> set[str]:
    """Full names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)} imports relatively; name the module in full"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _parts(path: Path) -> set[str]:
    """The parts of cxr_core that a file imports: "read" for cxr_core.read.dicom."""
    return {name.split(".")[1] for name in _imports(path) if name.startswith("cxr_core.")}


def _part_of(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


CORE_FILES = [path for path in _sources(CORE) if path != CORE / "__init__.py"]


def test_every_part_of_the_core_has_its_place_in_the_plan():
    assert {_part_of(path) for path in CORE_FILES} == SHARED | STAGES | HELPERS | JOINERS


@pytest.mark.parametrize("path", CORE_FILES, ids=lambda path: path.relative_to(CORE).as_posix())
def test_a_part_imports_what_is_shared_and_itself(path):
    part = _part_of(path)
    others = _parts(path) - SHARED - {part} - SOURCES.get(part, set())
    if part in SHARED:
        assert _parts(path) <= SHARED
    elif part not in JOINERS:
        assert not others, f"only {' and '.join(sorted(JOINERS))} may join stages"


def test_nothing_imports_the_command_line():
    joined = {path: _parts(path) & JOINERS for path in CORE_FILES}
    assert {_part_of(path) for path, parts in joined.items() if "__main__" in parts} == set()
    assert {_part_of(path) for path, parts in joined.items() if "pipeline" in parts} == {
        "__main__",
        "commands",
        "intake",
        "exchange",
    }
    assert {_part_of(path) for path, parts in joined.items() if "commands" in parts} == {"__main__", "commands"}
    assert {_part_of(path) for path, parts in joined.items() if "intake" in parts} == {"exchange"}
    assert {_part_of(path) for path, parts in joined.items() if "answers" in parts} == {
        "pipeline",
        "models",
        "explained",
    }
    for part, user in (("opening", "pipeline"), ("explained", "models"), ("models", "pipeline")):
        assert {_part_of(path) for path, parts in joined.items() if part in parts} == {user}


def test_the_core_knows_neither_the_pages_nor_training():
    for path in _sources(CORE):
        tops = {name.split(".")[0] for name in _imports(path)}
        assert not tops & {"streamlit", "ui", "pages", "training", "streamlit_app"}, path.name


def test_the_app_never_imports_training():
    app = [ROOT / "streamlit_app.py", *_sources(ROOT / "ui"), *_sources(ROOT / "pages")]
    assert len(app) >= 5
    for path in app:
        assert "training" not in {name.split(".")[0] for name in _imports(path)}, path.name


def test_the_core_starts_without_streamlit_and_without_tensorflow():
    """A laptop on LiteRT never pays TensorFlow's half gigabyte; a server without pages needs no Streamlit."""
    code = (
        "import sys, cxr_core.__main__;"
        "print(*sorted({'streamlit', 'tensorflow', 'keras', 'training'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_only_settings_reads_the_configuration_from_the_environment():
    for path in CORE_FILES:
        if path.name != "settings.py":
            assert not re.search(r"environ[^\n]*CXR_|getenv", path.read_text(encoding="utf-8")), path.name


def _tree() -> list[str]:
    """The paths of the README's file tree: the fenced block with a line for streamlit_app.py.

    A line is a path, indented below its folder, and after two spaces or more a phrase; other lines go on with a phrase.
    """
    blocks = re.findall(r"```[a-z]*\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if re.search(r"^\W*streamlit_app\.py", block, re.MULTILINE)]
    paths: list[str] = []
    above: list[tuple[int, str]] = []
    for line in re.finditer(r"^([\s│├└─|`+-]*)([\w.*<>/-]+)(?: {2,}.*)?$", block, re.MULTILINE):
        depth, name = len(line[1]), line[2]
        above = [(outer, folder) for outer, folder in above if outer < depth]
        paths.append("".join(folder for _, folder in above) + name)
        if name.endswith("/"):
            above.append((depth, name))
    return paths


def test_the_file_tree_of_the_readme_is_true():
    paths = _tree()
    assert len(paths) >= 20
    assert [path for path in paths if "<" not in path and not any(ROOT.glob(path.rstrip("/")))] == []


def test_the_file_tree_of_the_readme_names_every_part_of_the_core():
    told = {path.removeprefix("cxr_core/").split("/")[0].removesuffix(".py") for path in _tree() if "cxr_core/" in path}
    assert {_part_of(path) for path in CORE_FILES} <= told
