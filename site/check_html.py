"""Looks at the site as it was built: `python site/check_html.py target/site`.

Every page can be reached from the start page, every link and anchor leads somewhere, nothing is fetched from another host, and each
page holds as many headings, tables, list items, blocks of code and links as GitHub would show of the same Markdown.
"""

import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

FETCHED = {("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src"), ("source", "srcset")}
COUNTED = {"h1", "h2", "h3", "h4", "table", "tr", "li", "pre", "img", "p"}
# Made by the theme for robots, and for addresses that are not there.
NO_PAGES = {"404.html"}


class Page(HTMLParser):
    """What a page links to, what it fetches, its anchors, and what its article consists of."""

    def __init__(self, text):
        super().__init__()
        self.links, self.fetched, self.anchors, self.elements = [], [], set(), Counter()
        self.in_article = self.in_pre = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id"))
        if tag == "article":
            self.in_article = True
        for name, value in attributes.items():
            if (tag, name) in FETCHED and attributes.get("rel") != "canonical":
                self.fetched.append(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)
        if self.in_article and tag in COUNTED:
            self.elements[tag] += 1

    def handle_endtag(self, tag):
        if tag == "article":
            self.in_article = False


def as_on_github(markdown):
    html = MarkdownIt("commonmark").enable("table").render(markdown)
    return Page(f"<article>{html}</article>").elements


def problems_of(name, page, pages, html):
    for url in page.fetched:
        if urlsplit(url).scheme not in ("", "data"):
            yield f"fetches {url}"
        elif not url.startswith("data:") and not place(html, name, url).is_file():
            yield f"fetches {url}, which is not there"
    for url in page.links:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https"):
            if not re.fullmatch(r"[\w.-]+\.[a-z]{2,}(:\d+)?", parts.netloc) or re.search(r"[\s<>\"]", url):
                yield f"{url} is not an address"
            continue
        if parts.scheme:
            yield f"{url}: no link of this kind is expected"
            continue
        target = place(html, name, parts.path) if parts.path else html / name
        if not target.is_file():
            yield f"{url} leads nowhere"
        elif parts.fragment and target.suffix == ".html":
            if unquote(parts.fragment) not in pages[str(target.relative_to(html))].anchors:
                yield f"{url}: there is no such anchor"


def place(html, name, path):
    return (html / name).parent.joinpath(unquote(path)).resolve()


def reached(pages, html):
    """The pages that the start page leads to, by whatever way."""
    seen, waiting = set(), ["index.html"]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for url in pages[name].links:
            parts = urlsplit(url)
            target = place(html, name, parts.path)
            if not parts.scheme and parts.path and target.is_file() and target.suffix == ".html":
                waiting.append(str(target.relative_to(html)))
    return seen


def main(folder):
    html = (folder / "html").resolve()
    pages = {str(path.relative_to(html)): Page(path.read_text()) for path in html.rglob("*.html")}
    found = [f"{name}: no page leads to it" for name in pages.keys() - reached(pages, html) - NO_PAGES]
    for name, page in sorted(pages.items()):
        found += [f"{name}: {problem}" for problem in problems_of(name, page, pages, html) if name not in NO_PAGES]
    for source in sorted((folder / "pages").rglob("*.md")):
        name = str(source.relative_to(folder / "pages").with_suffix(".html")).replace("README.html", "index.html")
        here, github = pages[name].elements, as_on_github(source.read_text())
        found += [
            f"{name}: {here[tag]} × <{tag}> here, {github[tag]} on GitHub" for tag in sorted(COUNTED) if here[tag] != github[tag]
        ]
    for problem in found:
        print(problem, file=sys.stderr)
    print(f"{len(pages)} pages, {sum(len(page.links) for page in pages.values())} links, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
