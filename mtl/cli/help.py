"""The answer to ``--help`` of the commands that Hydra configures, made of the comments in ``conf/``.

Hydra's own help prints values without comments and, to do so, composes the whole config.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from mtl.config.folders import main_file, option_file, option_files

COLUMNS = 120
FLAGS = ("-h", "--help")
HYDRA_FLAGS = """\
-m                      a sweep: key=a,b,c makes one run of each value, several such keys all combinations
--cfg job               print the composed config and stop; --resolve: with values in place of ${...}
--info, --hydra-help    what Hydra found, and its other flags
--cache                 print what lies in the cache and how it is removed (--remove-cache=tables: your encoded tables)
group=option --help     also print the keys of that option; with model=gated: experts, typed as model.experts=8"""

# An entry of a defaults list that chooses an option; "override" and "_self_" do not
CHOICE = re.compile(r" +- (?:optional )?/?(\w+)(@_here_)?(?:@[\w.]+)?: (\w+) *(?:# (.*))?")
NOT_FOR_USERS = re.compile(r"^(?:defaults|hydra):\n(?:(?: .*)?\n)*", re.MULTILINE)  # blocks about the files themselves
HEADER = re.compile(r"(?:#.*\n)+")


class Group(NamedTuple):
    """A group of options, as a defaults list names it.

    Attributes:
        name: the folder in ``conf/``.
        here: whether the option's keys stand at the top level of the config.
        default: the option that is taken if none is typed.
        comment: what the group is for.
    """

    name: str
    here: bool
    default: str
    comment: str


def help_text(config_name: str, arguments: Sequence[str] = ()) -> str:
    """What can be typed after a command.

    Args:
        config_name: the config of the command, a file of ``conf/`` without its suffix.
        arguments: what was typed; of the options named there, such as ``model=gated``, the keys are printed as well.

    Returns:
        The header of the config's file; every option of every group with its first comment line; the keys with their
        defaults and comments; Hydra's flags. No line is wider than ``COLUMNS``.
    """
    path = main_file(config_name)
    groups = groups_of(path).values()
    shown = {group.name: group.default for group in groups if group.here} | dict(named(arguments))
    sections = [
        "\n".join(header(path)),
        "Groups: group=option takes the keys of conf/<group>/<option>.yaml (*: default)",
    ]
    sections += [listing(group) for group in groups]
    sections += ["Keys and their values, unless an option says otherwise: key=value sets another one", body(path)]
    for group_name, option in shown.items():
        file = option_files(group_name)[option]
        sections += [f"Keys of {group_name}={option}", "\n".join([*header(file)[1:], body(file)])]
    sections += ["Flags", HYDRA_FLAGS]
    return "\n".join(part for line in "\n\n".join(sections).splitlines() for part in wrapped(line))


def groups_of(path: Path, known: Collection[str] = ()) -> dict[str, Group]:
    """By name, the groups that a file's defaults list chooses from, and those that their options choose from.

    An option may choose from its own group, as a weighting that works on another one: such groups are ``known``.
    """
    found: dict[str, Group] = {}
    for name, here, default, comment in CHOICE.findall(path.read_text(encoding="utf-8")):
        if name in known:
            continue
        found[name] = Group(name, bool(here), default, comment)
        for file in option_files(name).values():
            more = groups_of(file, {*known, *found})
            found |= {key: group for key, group in more.items() if key not in found}
    return found


def named(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Group and option of those arguments that choose one."""
    for argument in arguments:
        group, _, option = argument.partition("=")
        group = group.partition("@")[0]
        if option_file(group, option):
            yield group, option


def listing(group: Group) -> str:
    """The options of a group, one a line, with the first comment line of each file."""
    lines = [f"{group.name}: {group.comment}"]
    for option, file in option_files(group.name).items():
        mark = "*" if option == group.default else " "
        lines += wrapped(f"{mark} {option:<16} {(header(file) or [''])[0]}", " " * 19)
    return "\n".join(lines)


def header(path: Path) -> list[str]:
    """The comment lines that a file opens with, but not Hydra's package line."""
    found = HEADER.match(path.read_text(encoding="utf-8"))
    lines = found.group().splitlines() if found else []
    return [line.removeprefix("# ") for line in lines if not line.startswith("# @package")]


def body(path: Path) -> str:
    """The keys of a file with their comments: what follows its header, without blocks that are for Hydra."""
    text = NOT_FOR_USERS.sub("", HEADER.sub("", path.read_text(encoding="utf-8"), count=1))
    return "\n".join(part for line in with_whole_comments(text.strip().splitlines()) for part in line)


def with_whole_comments(lines: Sequence[str]) -> Iterator[list[str]]:
    """Lines in pieces that fit, where a comment that goes on in the lines below is wrapped as one text."""
    rest = list(lines)
    while rest:
        place = rest[0].find("#")
        size = 1
        while place >= 0 and size < len(rest) and rest[size].startswith(f"{' ' * place}# "):
            size += 1
        block, rest = rest[:size], rest[size:]
        if all(len(line) <= COLUMNS for line in block):
            yield block
        else:
            whole = " ".join([block[0], *(line.strip().removeprefix("# ") for line in block[1:])])
            yield wrapped(whole, " " * place + "# ")


def wrapped(line: str, indent: str = "") -> list[str]:
    """A line in pieces of at most ``COLUMNS``, all but the first begun with ``indent``."""
    return wrap(line, COLUMNS, subsequent_indent=indent, break_on_hyphens=False) or [""]
