"""Draws docs/images/layers.svg, the packages of mtl/ and their imports: python docs/draw_layers.py.

Layers are those of the import contract in pyproject.toml, arrows are read from the code, places are chosen here.
"""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "layers.svg"

# Column and row of each package
PLACES = {
    "cli": (2.6, 0),
    "sweep": (2.6, 1),
    "testing": (0.6, 1),
    "comparison": (4.0, 3),
    "lifecycle": (2.0, 2),
    "inspection": (3.5, 4),
    "agent": (0.6, 4),
    "training": (2.0, 5),
    "assembly": (2.0, 6),
    "module": (2.0, 7),
    "network": (2.0, 8),
    "weighting": (3.6, 8),
    "sharing": (2.6, 9),
    "trees": (1.1, 7),
    "merging": (0.9, 9),
    "gradients": (3.9, 9),
    "suites": (0.6, 10),
    "tasks": (1.2, 11),
    "runs": (3.9, 10),
    "nn": (2.42, 12),
    "config": (0.6, 12),
    "errors": (1.51, 12),
    "picture": (3.33, 12),
    "distributed": (4.24, 12),
}
WITHOUT_ARROWS = {"runs", "config", "errors", "distributed", "picture"}  # imported by many
PURPOSES = {
    "cli": "commands",
    "sweep": "many runs",
    "testing": "checks of own parts",
    "comparison": "statistics, report",
    "lifecycle": "one run: config to result",
    "inspection": "figures of a network",
    "agent": "acts, improves by it",
    "training": "trainer, callbacks",
    "assembly": "objects from a config",
    "module": "the Lightning module",
    "network": "sharing and heads",
    "weighting": "K losses to one update",
    "sharing": "what tasks share",
    "trees": "boosting, no network",
    "merging": "trained apart to one trunk",
    "gradients": "task gradients",
    "suites": "data",
    "tasks": "heads, losses, metrics",
    "runs": "directories, files",
    "nn": "encoders, heads",
    "config": "RunConfig, RunResult",
    "errors": "InputError",
    "distributed": "processes",
    "picture": "what figures are drawn on",
}
# Layer, its first and last row, colour
BANDS = [
    ("control", 0, 4, "#e8eefc"),
    ("compute", 5, 9, "#eaf6ea"),
    ("data", 10, 11, "#fdf3df"),
    ("foundations", 12, 12, "#eeeeee"),
]
WIDTH, HEIGHT = 156, 38  # of a box
COLUMN, ROW = 176, 66
LEFT, TOP = 92, 36


def layers() -> list[str]:
    """The packages and modules of ``mtl/`` in the order of the import contract, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    rows = next(contract["layers"] for contract in settings["contracts"] if contract["id"] == "layers")
    return [name.strip() for row in rows for name in row.split("|") if "__" not in name]  # of __main__, a call of cli


def imports(package: str) -> set[str]:
    """What a package imports of the others, those of ``WITHOUT_ARROWS`` left out."""
    found: set[str] = set()
    files = [*(ROOT / "mtl" / package).rglob("*.py"), *(ROOT / "mtl").glob(f"{package}.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mtl."):
                found.add(str(node.module).split(".")[1])
    return found - set(WITHOUT_ARROWS) - {package}


def arrows() -> list[tuple[str, str]]:
    """The imports that do not follow from others: a to c is left out where a imports b, and b imports c."""
    direct = {name: imports(name) for name in layers() if name not in WITHOUT_ARROWS}
    below: dict[str, set[str]] = {}
    for name in reversed(direct):
        below[name] = direct[name].union(*(below[other] for other in direct[name]))
    return [
        (name, other)
        for name, others in direct.items()
        for other in sorted(others)
        if not any(other in below[between] for between in others)
    ]


def centre(name: str) -> tuple[float, float]:
    """Where the middle of a package's box is."""
    column, row = PLACES[name]
    return LEFT + column * COLUMN, TOP + row * ROW + HEIGHT / 2


def box(name: str) -> str:
    """A package with its name and purpose."""
    x, y = centre(name)
    return (
        f'<rect x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ffffff" '
        f'stroke="#555555"/>\n<text x="{x:g}" y="{y - 3:g}" font-weight="bold">{name}</text>\n'
        f'<text x="{x:g}" y="{y + 12:g}" font-size="11" fill="#444444">{PURPOSES[name]}</text>'
    )


def arrow(start: str, end: str) -> str:
    """A line from the lower edge of one box to the upper edge of another."""
    (x, y), (to_x, to_y) = centre(start), centre(end)
    lean = max(-60.0, min(60.0, (to_x - x) / 3))
    return (
        f'<line x1="{x + lean:g}" y1="{y + HEIGHT / 2:g}" x2="{to_x - lean:g}" y2="{to_y - HEIGHT / 2 - 2:g}" '
        f'stroke="#555555" stroke-width="1.2" marker-end="url(#head)"/>'
    )


def draw() -> str:
    """The picture."""
    width = LEFT + 4.7 * COLUMN + 30
    height = TOP + 13 * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} '
        f'{height:g}" font-family="Helvetica, Arial, sans-serif" font-size="14" text-anchor="middle">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#555555"/></marker></defs>',
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
    ]
    for title, first, last, colour in BANDS:
        top = TOP + first * ROW - 14
        parts.append(
            f'<rect x="10" y="{top:g}" width="{width - 20:g}" height="{(last - first) * ROW + HEIGHT + 26:g}" rx="8" '
            f'fill="{colour}"/>\n<text x="22" y="{top + 20:g}" text-anchor="start" fill="#444444">{title}</text>'
        )
    parts += [arrow(*pair) for pair in arrows()]
    parts += [box(name) for name in layers()]
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
