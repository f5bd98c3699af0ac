"""Lists as downloads: the form that asks for one, and the file it is answered with. Every list page may use this."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flask import Response, request, stream_with_context

from .. import clock
from ..models import reading
from ..operations.finding import exports
from ..operations.finding.exports import Sheet
from . import forms
from .access import actor
from .filters import Asked

_NOT_NAMED = {"q", "sort", "columns", "column", "older", "newer", "client", "matter"}


def export(asked: Asked, sheet: Sheet) -> Response:
    """The list with the filters of this very address, as the file the form asked for.

    Raises InvalidInput when a filter cannot be used: a file of another question would be worse than none.
    """
    kind = forms.sent("format")["format"]
    asked.must_be_right()
    exports.allow(actor(), sheet.name, kind, request.query_string.decode("ascii", "replace"))
    name = f"{'-'.join([sheet.name, *_filter_words()])}-{clock.now():%Y-%m-%d-%H%M}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    if kind == "xlsx":
        with reading():
            return Response(exports.as_xlsx(sheet), mimetype=exports.KINDS[kind], headers=headers)
    return streamed(exports.as_csv(sheet), name, exports.KINDS[kind])


def _filter_words() -> list[str]:
    """The filters of this address for a file's name: `status-4xx`. What was typed is left out, for it names clients."""
    told = [(name, value) for name, value in request.args.items(multi=True) if value and name not in _NOT_NAMED]
    return [re.sub(r"[^a-z0-9]+", "-", f"{name}-{value}".lower()).strip("-")[:30] for name, value in told[:5]]


def streamed(chunks: Iterable[str] | Iterable[bytes], name: str, content_type: str) -> Response:
    """A file that is sent while it is read."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(stream_with_context(_reading(chunks)), content_type=content_type, headers=headers)


def _reading(chunks):
    """Streamed while only reading: the writer waits for nobody's slow download."""
    with reading():
        yield from chunks
