"""Values, trees and bytes as a mistake, a damaged disk or a stranger would make them; each by a given random state."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.campaign.checks import CANARY

# What would leave a file where it is called, by classes, functions, references and files that are unpickled
FOREIGN: tuple[Any, ...] = (
    {"_target_": "pathlib.Path.touch", "self": CANARY},
    {"_target_": "os.system", "command": f"touch {CANARY}"},
    {"_target_": "subprocess.Popen", "args": ["touch", CANARY]},
    {"_target_": "builtins.open", "file": CANARY, "mode": "w"},
    {"_target_": "shutil.copyfile", "src": "/dev/null", "dst": CANARY},
    {"_target_": "mtl.runs.files.write_text", "path": CANARY, "text": ""},
    {"_target_": "hydra.utils.instantiate", "config": {"_target_": "os.system", "command": f"touch {CANARY}"}},
    {"_target_": "mtl.nn.mlp.MLP.__init__.__globals__.get", "_args_": ["torch"]},
    {"_target_": "mtl.nn.mlp.torch.hub.load", "_partial_": True},
    "${oc.env:HOME}",
    "${oc.decode:'{_target_: os.system}'}",
    f"!!python/object/apply:os.system ['touch {CANARY}']",
)
PLAIN: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3, 0.5, -0.5, 1e-30, 1e30, float("nan"), float("inf"), 2**31, 2**63, -(2**63)),
    *("", " ", "null", "x", "ünïcödé", "a b", "a,b", "'", '"', "[", "{", "${", "${seed}", "???", "\t", "0x10", "1_000"),
    *("../..", "/", "/dev/null", ".", "nan", "1e999", "日本", "x" * 300, "9" * 5000),
    *([], {}, [None], [[]], [1, "x"], [-1], {"a": None}, {"": 1}, {"a": {"b": []}}, [[1], [2]]),
)


def value(draw: Random, foreign: float = 0.0) -> Any:
    """Any plain value; with this probability one that names foreign code."""
    if draw.random() < foreign:
        return draw.choice(FOREIGN)
    if draw.random() < 0.1:
        return {draw.choice(("a", "_target_", "x y")): value(draw, foreign) for _ in range(draw.randint(0, 2))}
    return draw.choice(PLAIN)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value of a tree."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in items:
        yield (*path, key)
        yield from places(part, (*path, key))


def mutate_tree(tree: Any, draw: Random, foreign: float = 0.0) -> Any:
    """A copy of a tree of plain values in which one to three things are changed, removed, added or exchanged."""
    tree = json.loads(json.dumps(tree))
    for _ in range(draw.randint(1, 3)):
        paths = list(places(tree))
        if not paths:
            return value(draw, foreign)
        *above, key = draw.choice(paths)
        parent = tree
        for step in above:
            parent = parent[step]
        how = draw.random()
        if how < 0.6:
            parent[key] = value(draw, foreign)
        elif how < 0.75:
            del parent[key]
        elif how < 0.85 and isinstance(parent, dict):
            parent[draw.choice(("_target_", "_args_", "_partial_", "x", "trust", "", "callbacks"))] = value(
                draw, foreign
            )
        else:
            *other, last = draw.choice(paths)
            source = tree
            for step in (*other, last):
                if not isinstance(source, dict | list) or (isinstance(source, dict) and step not in source):
                    break
                if isinstance(source, list) and step >= len(source):
                    break
                source = source[step]
            parent[key] = json.loads(json.dumps(source))
    return tree


def mutate_bytes(data: bytes, draw: Random, most: int = 4) -> bytes:
    """Bytes of which a few are flipped, lost, doubled, overwritten or added."""
    found = bytearray(data)
    for _ in range(draw.randint(1, most)):
        at = draw.randrange(len(found) + 1)
        length = min(len(found) - at, int(draw.expovariate(1 / 40)) + 1)
        how = draw.randrange(7)
        if how == 0 and at < len(found):
            found[at] ^= 1 << draw.randrange(8)
        elif how == 1:
            del found[at:]
        elif how == 2:
            del found[at : at + length]
        elif how == 3:
            found[at:at] = found[at : at + length]
        elif how == 4:
            found[at : at + length] = bytes(length)
        elif how == 5:
            found[at:at] = draw.randbytes(draw.randint(1, 8))
        elif at < len(found):
            found[at] = draw.randrange(256)
    return bytes(found)
