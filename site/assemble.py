"""Puts the pages of the site together in one folder, from docs/ and from what the navigation names as `repository/<path>`.

A page that the navigation does not name, and a link that leads nowhere, stop it. A file of the repository that a page links to and
that is no page is copied as it stands, so that no link leaves the site for an address that the reader may not have. What is written
is plain Markdown with links within the folder: another generator can take it.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# A code span, which is left alone, or the target of a link with its anchor.
LINK = re.compile(r"(`+).+?\1|(?<=\]\()(?!\w+:|#)([^)#\s]+)(?=[)#])")
SHOWN_BY_BROWSERS = {".json", ".svg", ".txt"}


class Navigation(yaml.SafeLoader):
    """Reads the navigation, and passes over the objects of Python that the generator's configuration may name."""


Navigation.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: None)


def pages_of(nav):
    """The pages that a navigation names, from first to last."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in pages_of(part)]


class Site:
    def __init__(self, folder, names):
        self.folder = folder
        self.pages = {self.source_of(name): name for name in names}
        self.problems = []

    @staticmethod
    def source_of(name):
        repository, _, rest = name.partition("/")
        return ROOT / rest if repository == "repository" else DOCS / name

    def write(self):
        for source in sorted(DOCS.rglob("*.md")):
            if source not in self.pages:
                self.problems.append(f"{source.relative_to(ROOT)} is not in the navigation: add it to site/mkdocs.yml")
        for source, name in self.pages.items():
            if not source.is_file():
                self.problems.append(f"site/mkdocs.yml names {name}, but there is no {source.relative_to(ROOT)}")
                continue
            self.put(name, self.with_links_of_the_site(source).encode())

    def with_links_of_the_site(self, source):
        lines, in_code = [], False
        for number, line in enumerate(source.read_text().split("\n"), 1):
            in_code ^= line.lstrip().startswith("```")
            lines.append(line if in_code else LINK.sub(lambda m: self.link(source, number, m), line))
        return "\n".join(lines)

    def link(self, source, number, match):
        if not match[2]:
            return match[0]
        target = (source.parent / match[2]).resolve()
        if target.is_dir() and (target / "README.md") in self.pages:
            target /= "README.md"
        if not target.is_file() or not target.is_relative_to(ROOT):
            self.problems.append(f"{source.relative_to(ROOT)}:{number}: {match[2]} is not a file of this repository")
            return match[0]
        return os.path.relpath(self.place_of(target), Path(self.pages[source]).parent)

    def place_of(self, target):
        """Where a file is in the site; one that is no page is put there."""
        if target in self.pages:
            return self.pages[target]
        if target.is_relative_to(DOCS):
            name = str(target.relative_to(DOCS))
        else:
            name = f"repository/{target.relative_to(ROOT)}"
        name += "" if target.suffix in SHOWN_BY_BROWSERS else ".txt"
        self.put(name, target.read_bytes())
        return name

    def put(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def main(folder):
    configuration = ROOT / "site/mkdocs.yml"
    shutil.rmtree(folder, ignore_errors=True)
    site = Site(folder / "pages", pages_of(yaml.load(configuration.read_text(), Navigation)["nav"]))
    site.write()
    for name in ("site.css", "iframe-worker.js"):
        site.put(name, (ROOT / "site" / name).read_bytes())
    shutil.copy(configuration, folder)
    for problem in site.problems:
        print(problem, file=sys.stderr)
    return 1 if site.problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
