"""The planner knows how the tables are filled."""

from sqlalchemy import text

from integration_console.models import db
from integration_console.operations import schedule
from integration_console.operations.keeping import upkeep
from integration_console.storage import records

from ..storage import rows


def test_an_upstream_id_is_looked_up_and_not_looked_for(session):
    """Its index is led by the account and the kind, of which there are few."""
    page = [rows.incoming(number) for number in range(400)]
    account = rows.connection(session)
    records.keep_page(session, connection_id=account, resource="contacts", run_id=None, rows=page, now=rows.NOON)
    session.commit()

    upkeep.look_over()

    if db.engine.dialect.name == "sqlite":
        plan = session.execute(text("EXPLAIN QUERY PLAN SELECT id FROM record WHERE external_id = '77'")).all()
        assert "ANY(connection_id) AND ANY(resource) AND external_id=?" in plan[0][3]
    assert upkeep.look_over in [chore.do for chore in schedule.CHORES]
