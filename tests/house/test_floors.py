"""Imports run downward only; nothing goes up, sideways or round. The sandbox stands alone."""

import ast

import pytest

from .imports import HOUSE, assigns, imports, modules, ours, room, tree

FLOORS = {
    "__main__": 7, "": 6, "web": 5, "cli": 5, "worker": 4.5, "serve": 4.5, "stand_ins": 4.2, "operations": 4,
    "sync": 3, "logs": 2.5, "services": 2, "transport": 1, "storage": 1, "minder": 1,
    "models": 0, "errors": 0, "clock": 0,
}  # fmt: skip
# With --sandbox the app is built a second time, on the stand-ins' addresses; nobody above is there to hand it over.
LIFTS = {(f"{HOUSE}.stand_ins", HOUSE)}
MODULES = [module for module in modules() if room(module) != "sandbox"]
NOUNS = {"models", "errors", "clock"}  # one room in three files
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}


def test_a_module_has_a_floor_and_imports_only_from_below():
    wrong = {module: above for module in MODULES if (above := _not_below(module))}

    assert not wrong, f"imported, but not from below: {wrong}"


def _not_below(module: str) -> set[str]:
    """What a module imports and may not."""
    return {
        other
        for other in ours(module)
        if (module, other) not in LIFTS
        and (
            FLOORS[room(other)] > FLOORS[room(module)]
            or (FLOORS[room(other)] == FLOORS[room(module)] and not _same_room(module, other))
        )
    }


def _same_room(one: str, other: str) -> bool:
    return room(one) == room(other) or {room(one), room(other)} <= NOUNS


def test_no_imports_go_round_in_circles():
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for other in ours(module):
                # A package that gathers its own files is one thing with them.
                if not (other.startswith(module + ".") or module.startswith(other + ".")):
                    visit(other, (*above, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_no_page_carries_a_run_out():
    """D1: a page asks for runs; only what the worker and the commands call claims and executes them."""
    hands = {f"{HOUSE}.operations.runs.push_runs", f"{HOUSE}.sync.integration"}
    wrong = {module: found for module in MODULES if room(module) == "web" and (found := hands & set(ours(module)))}
    carried = {
        module: node.attr
        for module in MODULES if room(module) == "web"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and node.attr in ("execute", "claim")
        and isinstance(node.value, ast.Name) and node.value.id in ("runs", "holds", "push_runs")
    }  # fmt: skip

    assert not wrong, f"imported by a page: {wrong}"
    assert not carried, f"called by a page: {carried}"


@pytest.mark.parametrize(("folder", "mark"), [("services", "SERVICE"), ("web", "page")])
def test_services_and_pages_do_not_import_their_like(folder, mark):
    alike = {m for m in modules() if m.startswith(f"{HOUSE}.{folder}.") and assigns(m, mark)}

    assert alike
    for module in alike:
        assert not ours(module) & alike, f"{module} imports {ours(module) & alike}"


def test_the_sandbox_and_the_house_do_not_know_each_other():
    for module in modules():
        inside = room(module) == "sandbox"
        strangers = {other for other in ours(module) if (room(other) == "sandbox") != inside}
        assert not strangers, f"{module} imports {strangers}"
        assert not (inside and "config" in imports(module)), f"{module} imports config"


def test_libraries_stay_where_they_belong():
    """S3: one HTTP client; the engine and what lies below it work without a web server, a worker without migrations"""
    assert not [f"{module} imports {library}" for module in MODULES for library in _misplaced(module)]


def _misplaced(module: str) -> list[str]:
    used = {name.partition(".")[0] for name in imports(module)}
    above = FLOORS[room(module)] > 4 and room(module) != "worker"
    belongs = {
        "requests": room(module) == "transport",
        "flask": FLOORS[room(module)] >= 4,
        "alembic": above,  # 8 MB for a worker to keep
        "flask_migrate": above,
    }
    return [library for library, here in belongs.items() if library in used and not here]


def test_only_the_clock_asks_the_machine_for_the_time():
    """S3: one now(), so that a test can own the time"""
    assert not [
        f"{module}:{node.lineno} asks {node.value.id}.{node.attr}"
        for module in MODULES
        if module != f"{HOUSE}.clock"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in CLOCKS
    ]


def test_config_imports_nothing_of_ours():
    from .imports import HOME

    found = [
        n for n in ast.walk(ast.parse((HOME / "config.py").read_text())) if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    names = {getattr(n, "module", None) or n.names[0].name for n in found}
    assert not [name for name in names if name.startswith(HOUSE)]


@pytest.mark.parametrize("floor", [f"{HOUSE}.{name}" for name in ("operations", "sync", "web")])
def test_the_rooms_of_a_floor_do_not_go_round_in_circles(floor):
    """Files may use each other where there is no circle; so may the rooms they stand in, or nobody finds the way."""
    below: dict[str, set[str]] = {}
    for module in MODULES:
        if module.startswith(f"{floor}."):
            mine = _place(module)
            below.setdefault(mine, set()).update(
                _place(other) for other in ours(module) if other.startswith(f"{floor}.") and _place(other) != mine
            )

    def visit(place: str, above: tuple[str, ...]) -> None:
        assert place not in above, " -> ".join([*above[above.index(place) :], place])
        for other in below[place]:
            visit(other, (*above, place))

    assert len(below) > 9
    for place in below:
        visit(place, ())


def _place(module: str) -> str:
    """The room of its floor a module stands in, or itself where it stands between them."""
    return module.split(".")[2]
