"""Finds every page module here, registers it, and builds the menu from what each declares.

Between the rooms stands what several of them use: rights, forms, filters, formatting, the frame.

A page module has `page = Blueprint(...)` and, when it belongs in the menu, `menu = Menu("Runs", icon="arrow-repeat",
order=4, key="r")`. Nothing else needs to know of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pkgutil import walk_packages

from flask import Blueprint, Flask
from werkzeug.routing import IntegerConverter

from ..operations.accounts.accounts import briefly

PAGES_ONLY = "page"  # what makes a module of this folder a page
CALL_S = 12.0  # a page's call to a service: a proxy in front waits half a minute, and our threads are few


@dataclass(frozen=True)
class Menu:
    """One line of the left menu. It leads to the page's `index` and is shown to those who may open that."""

    label: str
    icon: str  # a name in static/icons.svg
    order: int  # small numbers first
    key: str = ""  # g and this letter go there
    badge: str = ""  # a number of operations/health/waiting.py beside the label; nothing when 0
    counts: tuple[str, str] = ("", "")  # what the number counts: "open error", "open errors"
    endpoint: str = ""  # set when the page is registered


class RowNumber(IntegerConverter):
    """A number in an address. One that no table can hold is an address that does not exist."""

    def __init__(self, map, fixed_digits=0, min=None, max=2**63 - 1, signed=False) -> None:
        super().__init__(map, fixed_digits, min, max, signed)


def set_up(app: Flask) -> None:
    """Everything between a request and a page, then every page."""
    from . import access, error_pages, formatting, shell

    app.url_map.converters["int"] = RowNumber
    formatting.set_up(app)
    shell.set_up(app)
    access.set_up(app)
    error_pages.set_up(app)
    _call_briefly(app)
    app.extensions["menu"] = sorted(_registered(app), key=lambda entry: entry.order)


def _call_briefly(app: Flask) -> None:
    """A service that does not answer must not take every thread, and with them the pages and the door of webhooks."""
    answer = app.wsgi_app

    def in_time(environ, start_response):
        with briefly(CALL_S):
            return answer(environ, start_response)

    app.wsgi_app = in_time  # type: ignore[method-assign]


def _registered(app: Flask) -> list[Menu]:
    """Register every page; return the menu lines they declare."""
    entries = []
    for info in walk_packages(__path__, f"{__name__}."):
        module = import_module(info.name)
        page = getattr(module, PAGES_ONLY, None)
        if not isinstance(page, Blueprint):
            continue
        app.register_blueprint(page)
        if menu := getattr(module, "menu", None):
            entries.append(Menu(**{**vars(menu), "endpoint": menu.endpoint or f"{page.name}.index"}))
    return entries


def menu_for(app: Flask, role: str | None) -> list[Menu]:
    """The lines of the menu that a role may open."""
    from .access import allows

    return [
        entry
        for entry in app.extensions["menu"]
        if (view := app.view_functions.get(entry.endpoint)) and allows(role, getattr(view, "right", ""))
    ]
