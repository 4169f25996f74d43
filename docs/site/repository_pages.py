"""MkDocs hook: puts pages that lie beside ``docs/`` into the site, so that each text has one place in the repository.

The README is the home page, README.zh.md the Chinese one. The other pages at the top of the repository and the studies
of ``experiments/`` keep their paths, and so does what pages show or link to, such as a file of code.
"""

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

ROOT = Path(__file__).parent.parent.parent
DOCS = "docs/"
CHINESE = "zh/"  # folder of the site
PAGES = {
    "README.md": "index.md",
    "README.zh.md": "zh/index.md",
    **{name: name for name in ("DATA.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md")},
}
STUDIES = ("*.md", "*.csv", "*.png", "*.svg")  # in experiments/
LINK = re.compile(r"(\]\()(?!https?:|mailto:)([^)#\s]+)((?:#[^)]*)?\))")
ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
CODE = re.compile(r"`[^`]*`")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name headings as GitHub does, so that links hold in both places."""
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of the repository that lie beside ``docs/``."""
    studies = [path for pattern in STUDIES for path in sorted((ROOT / "experiments").rglob(pattern))]
    places = {**PAGES, **{path.relative_to(ROOT).as_posix(): path.relative_to(ROOT).as_posix() for path in studies}}
    pages = [Path(str(file.abs_src_path)) for file in files.documentation_pages()] + [ROOT / name for name in places]
    for target in sorted({target for page in pages if page.suffix == ".md" for target in linked(page)} - set(places)):
        places[target] = target
    for source, place in places.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def linked(page: Path) -> set[str]:
    """The files of the repository outside of ``docs/`` that a page links to."""
    found = set()
    for _, target, _ in LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve()
        if path.is_file() and path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / DOCS):
            found.add(path.relative_to(ROOT).as_posix())
    return found


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links between files of the repository become links between pages of the site."""
    place = PurePosixPath(page.file.src_uri)
    source = PurePosixPath(in_repository(str(place)))

    def rewritten(link: re.Match[str]) -> str:
        target = os.path.normpath(source.parent / link[2])
        return link[1] + os.path.relpath(in_site(target), place.parent) + link[3]

    return ROW.sub(with_plain_bars, LINK.sub(rewritten, markdown))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Chinese pages say their language: browsers choose the forms of letters by it, screen readers the voice."""
    if not page.file.src_uri.startswith(CHINESE):
        return output
    return output.replace('<html lang="en"', '<html lang="zh-Hans"', 1)


def with_plain_bars(row: re.Match[str]) -> str:
    """A row of a table whose code has bars as they are; GitHub wants a backslash before one, which would be shown."""
    return CODE.sub(lambda code: code[0].replace(r"\|", "|"), row[0])


def in_repository(place: str) -> str:
    """Where a page of the site lies in the repository."""
    beside = {page: source for source, page in PAGES.items()}
    return beside.get(place, place if place.startswith("experiments/") else DOCS + place)


def in_site(source: str) -> str:
    """Where a file of the repository is in the site."""
    return PAGES.get(source, source.removeprefix(DOCS))
