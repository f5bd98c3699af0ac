"""The set-up guides of docs/services as pages, so that they can be read where they are needed, also offline."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from flask import current_app
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from ...operations.accounts.app_settings import AppSettings
from ...services.base import Service

_GUIDES = Path(__file__).resolve().parents[3] / "docs" / "services"


def exists(service_key: str) -> bool:
    """Whether there is a guide to this service."""
    return _file(service_key).is_file()


def page_of(service: Service) -> Markup:
    """A guide as HTML, without its first heading, with this installation's own addresses; empty when there is none."""
    file = _file(service.key)
    if not file.is_file():
        return Markup()
    base, back_at = current_app.config["SETTINGS"].BASE_URL.rstrip("/"), AppSettings.of(service).client(service)
    text = file.read_text(encoding="utf-8").replace(f"<BASE_URL>/oauth/{service.key}/callback", back_at.redirect_uri)
    return _rendered(text.replace("<BASE_URL>", base))


def _file(service_key: str) -> Path:
    return _GUIDES / f"{service_key}.md"


@lru_cache(maxsize=32)
def _rendered(text: str) -> Markup:
    """Markdown as HTML. HTML within it is shown as text; only links to whole addresses stay links."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.validateLink = lambda url: url.startswith("https://")  # type: ignore[method-assign]
    tokens = reader.parse(text)
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        del tokens[:3]
    parts: list[str] = []
    for token, content in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "table_open":
            token.attrSet("class", "table")
        elif token.type == "heading_open" and token.tag == "h2" and content:
            parts.append(content.content)
            token.attrSet("id", f"part-{len(parts)}")
    lines = (f'<li><a href="#part-{number}">{escape(part)}</a></li>' for number, part in enumerate(parts, 1))
    contents = Markup(f'<nav aria-label="On this page"><ul class="contents">{"".join(lines)}</ul></nav>')  # noqa: S704 (escaped)
    return contents + Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704 (made by the renderer, which escapes)
