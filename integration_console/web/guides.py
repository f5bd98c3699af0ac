"""The set-up guides of docs/services as pages, so that they can be read where they are needed, also offline."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from flask import current_app
from markdown_it import MarkdownIt
from markupsafe import Markup

_GUIDES = Path(__file__).resolve().parents[2] / "docs" / "services"


def exists(service_key: str) -> bool:
    """Whether there is a guide to this service."""
    return _file(service_key).is_file()


def page_of(service_key: str) -> Markup:
    """A guide as HTML, without its first heading, with this installation's own address; empty when there is none."""
    file = _file(service_key)
    if not file.is_file():
        return Markup()
    base = current_app.config["SETTINGS"].BASE_URL.rstrip("/")
    return _rendered(file.read_text(encoding="utf-8"), base)


def _file(service_key: str) -> Path:
    return _GUIDES / f"{service_key}.md"


@lru_cache(maxsize=32)
def _rendered(text: str, base: str) -> Markup:
    """Markdown as HTML. HTML within it is shown as text; only links to whole addresses stay links."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.validateLink = lambda url: url.startswith("https://")  # type: ignore[method-assign]
    tokens = reader.parse(text.replace("<BASE_URL>", base))
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        del tokens[:3]
    for token in tokens:
        if token.type == "table_open":
            token.attrSet("class", "table")
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704 (made by the renderer, which escapes)
