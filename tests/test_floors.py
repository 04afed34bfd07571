"""The floors of docs/design.md: each imports only from those below it, and rooms side by side do not meet."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
GROUND = (
    "prefetch",
    "devices",
    "errors",
    "prng",
    "files",
    "strict",
    "checks",
    "config",
    "interrupt",
    "runtime",
    "workers",
)
FLOORS = [{"world"}, {"data", "models"}, {"eval"}, {"train"}, {"diagnose"}, {"study"}, {"report"}]
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "dogjax").rglob("*.py") if path.name != "__init__.py"
)


def height(room: str) -> int:
    """0 for the ground, then the number of the floor."""
    if room in GROUND:
        return 0
    return 1 + next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def imported_modules(tree: ast.Module) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_floors_below_or_its_own_room(module):
    room = pathlib.PurePosixPath(module).parts[1].removesuffix(".py")
    for name in imported_modules(ast.parse((ROOT / module).read_text())):
        parts = name.split(".")
        if parts[0] != "dogjax" or parts[1] == room:
            continue
        below = height(parts[1]) < height(room) or (height(room) == 0 and height(parts[1]) == 0)
        assert below, f"{module} imports {name}"


# What a draw may be made of: generators that somebody has seeded, and operations that take their seed.
STATELESS = re.compile(r"(np|numpy)\.random\.(Generator|Philox)|tf\.(random|random\.experimental|image)\.stateless_\w+")
STATELESS_BY_NAME = {"tf.random.experimental", "tf.random.experimental.index_shuffle"}
DRAWING = re.compile(r"(np|numpy)\.random\.\w+|tf\.random\.(experimental\.)?\w+|tf\.image\.random_\w+")
ALLOWED = {
    # The embedded world is the same whatever a run's seed: its draws are seeded by the name of what they draw.
    "dogjax/world/film.py": ["np.random.default_rng"],
    # The shapes of the parameters alone.
    "dogjax/models/network.py": ["jax.random.key(0)"],
    # No draw: two configurations are compared but for their seeds.
    "dogjax/study/execute.py": ["seed=0"],
}


def draws_outside_streams(source: str) -> list[str]:
    """What in a module may draw from a hidden state, or with a seed that no configuration reaches."""
    tree, found = ast.parse(source), []
    modules = [name for name in imported_modules(tree) if re.match(r"(random|(numpy|tensorflow)\.random)(\.|$)", name)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            stateless = STATELESS.fullmatch(name) or name in STATELESS_BY_NAME
            found += [name] if DRAWING.fullmatch(name) and not stateless else []
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            seeds = [each for each in node.keywords if each.arg in ("seed", "random_state")]
            found += [ast.unparse(each) for each in seeds if isinstance(each.value, ast.Constant)]
            found += [name] if name.endswith(".shuffle") else []
            keys = re.fullmatch(r"(jax\.)?random\.(key|PRNGKey)", name)
            found += [ast.unparse(node)] if keys and isinstance(node.args[0], ast.Constant) else []
    return modules + found


@pytest.mark.parametrize("module", MODULES)
def test_every_draw_belongs_to_a_named_stream(module):
    assert draws_outside_streams((ROOT / module).read_text()) == ALLOWED.get(module, [])


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "from random import choice",
        "from numpy import random",
        "rng = np.random.default_rng()",
        "np.random.shuffle(frames)",
        "tf.random.uniform([3])",
        "tf.random.experimental.Generator",
        "tf.image.random_flip_left_right(image)",
        "dataset = dataset.shuffle(1000)",
        "sobol.analyze(problem, values, seed=0)",
        "KFold(4, random_state=None)",
        "key = jax.random.key(42)",
    ],
)
def test_a_draw_outside_the_streams_is_found(source):
    assert draws_outside_streams(source)
