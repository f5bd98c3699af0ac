"""A page as a person sees it: title, headings, table rows, links and forms out of its HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
UNSEEN = {"script", "style", "template", "head"}

MAY_BREAK = "\N{ZERO WIDTH SPACE}"


@dataclass
class Tag:
    """One element."""

    name: str
    attrs: dict[str, str]
    children: list[Tag | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What is read on the screen, with single spaces; a <wbr> is none."""
        return " ".join(" ".join(self._words()).split()).replace(f" {MAY_BREAK} ", "")

    def _words(self):
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.name == "wbr":
                yield MAY_BREAK
            elif child.name not in UNSEEN:
                yield from child._words()

    def walk(self):
        """Every element within, from the top."""
        waiting = self.children[::-1]
        while waiting:
            child = waiting.pop()
            if isinstance(child, Tag):
                yield child
                waiting.extend(child.children[::-1])

    def all(self, name: str, /, **attrs: str) -> list[Tag]:
        """Every element of that name; `class_` asks for one of its classes, `data_x` for `data-x`."""
        return [tag for tag in self.walk() if tag.name == name and tag.has(attrs)]

    def one(self, name: str, /, **attrs: str) -> Tag:
        """The only element of that name; fails when there are none or several."""
        found = self.all(name, **attrs)
        assert len(found) == 1, f"{len(found)} <{name}> with {attrs}, not one"
        return found[0]

    def has(self, attrs: dict[str, str]) -> bool:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        classes = wanted.pop("class", None)
        return all(self.attrs.get(name) == value for name, value in wanted.items()) and (
            classes is None or classes in self.attrs.get("class", "").split()
        )


class Page(Tag):
    """A whole answer: its status and its HTML, which is taken apart when somebody looks into it."""

    def __init__(self, response) -> None:
        self.name, self.attrs = "page", {}
        self.status = response.status_code
        self.headers = response.headers
        self.html = response.get_data(as_text=True)

    @cached_property
    def children(self) -> list[Tag | str]:
        top = Tag("page", {})
        _Reader(top).feed(self.html)
        return top.children

    @property
    def title(self) -> str:
        return " ".join("".join(c for c in self.one("title").children if isinstance(c, str)).split())

    @property
    def headings(self) -> list[str]:
        """The text of every h1."""
        return [tag.text for tag in self.all("h1")]

    @property
    def rows(self) -> list[str]:
        """The text of every table row below a heading row."""
        return [row.text for row in self.all("tr") if row.all("td")]

    def row(self, number: int) -> str:
        """The text of one table row, counted from 1."""
        return self.rows[number - 1]

    @property
    def links(self) -> dict[str, str]:
        """Where each link leads, by its text."""
        return {tag.text: tag.attrs["href"] for tag in self.all("a") if "href" in tag.attrs}

    @property
    def csrf(self) -> str:
        """The token its forms send along."""
        return re.search(r'<input type="hidden" name="csrf_token" value="([^"]+)">', self.html)[1]


class _Reader(HTMLParser):
    def __init__(self, top: Tag) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [top]

    def handle_starttag(self, name, attrs) -> None:
        tag = Tag(name, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(tag)
        if name not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, name, attrs) -> None:
        self.open[-1].children.append(Tag(name, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, name) -> None:
        for depth in range(len(self.open) - 1, 0, -1):
            if self.open[depth].name == name:
                del self.open[depth:]
                return

    def handle_data(self, data) -> None:
        self.open[-1].children.append(data)
