"""The floors of docs/design.md: each imports only from those below it, and rooms side by side do not meet."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
GROUND = ("ahead", "errors", "prng", "files", "strict", "config", "interrupt", "runtime")
FLOORS = [{"data", "models"}, {"eval"}, {"train"}, {"diagnose"}, {"study"}, {"report"}]
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "dogjax").rglob("*.py") if path.name != "__init__.py"
)


def height(room: str) -> int:
    """0 for the ground, then the number of the floor."""
    if room in GROUND:
        return 0
    return 1 + next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def imported_modules(path: pathlib.Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_floors_below_or_its_own_room(module):
    room = pathlib.PurePosixPath(module).parts[1].removesuffix(".py")
    for name in imported_modules(ROOT / module):
        parts = name.split(".")
        if parts[0] != "dogjax" or parts[1] == room:
            continue
        below = height(parts[1]) < height(room) or (height(room) == 0 and height(parts[1]) == 0)
        assert below, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_randomness_is_stateless_everywhere(module):
    source = (ROOT / module).read_text()
    for stateful in ("tf.random.uniform", "tf.random.normal", "tf.random.set_seed", "np.random.seed", "import random"):
        assert stateful not in source
    assert "default_rng()" not in source
