"""A firm's connection, and a page kept for it."""

import pytest

from integration_console.storage import records

from .rows import NOON, connection


@pytest.fixture
def firm(session):
    return connection(session)


@pytest.fixture
def keep(session, firm):
    def keep(*rows, run_id=None, resource="contacts", of=firm, now=NOON, hopeful=False, **more):
        return records.keep_page(
            session, connection_id=of, resource=resource, run_id=run_id, rows=list(rows), now=now, hopeful=hopeful,
            **more,
        )  # fmt: skip

    return keep
