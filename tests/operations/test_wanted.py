"""What a run wants written stands in the outbox with the pair it follows from, whole, under one key for life (W1)."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from integration_console.models import Change, DataMapping, RecordLink, SyncRun, db
from integration_console.operations.runs import pushes
from integration_console.sync.carrying import outbox

from ..storage.rows import NOON
from .conftest import carry_out
from .mapped import changes, of_clio, pairs, push, read, writes


class Killed(BaseException):
    """Nothing of ours catches it, as nothing catches a SIGKILL."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_write_is_wanted_together_with_what_its_pair_says_or_not_at_all(
    session, sandbox, pair, mapping, monkeypatch, moment
):
    """W1: a pair that said it was compared, while its write was lost, would never be looked at again."""
    left, right = pairs(mapping)[0]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Quist", "email": "nova@example.org"})
    read(pair)
    rows, wanted = select(RecordLink.id, RecordLink.left_hash, RecordLink.base).order_by(RecordLink.id), len(changes())
    before = db.session.execute(rows).all()
    want = outbox.want

    def dies(*facts, **more):
        if moment == "after":
            want(*facts, **more)
        raise Killed

    run = pushes.request(db.session.get_one(DataMapping, mapping))
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "want", dies)
        with pytest.raises(Killed):
            carry_out(run)
    db.session.remove()

    assert db.session.execute(rows).all() == before
    assert len(changes()) == wanted
    db.session.execute(update(SyncRun).where(SyncRun.lease_until.is_not(None)).values(lease_until=NOON))  # it ended
    db.session.commit()
    carry_out(db.session.scalars(select(SyncRun).order_by(SyncRun.id.desc())).first())
    assert [(one.op, one.state) for one in changes()[wanted:]] == [("update", "done"), ("create", "done")]
    assert of_clio(sandbox.clio, right)["first"] == "Augusta"


@pytest.mark.one_database
def test_a_wanted_write_says_what_goes_where_by_which_version_and_bears_one_key_for_life(
    session, sandbox, pair, mapping, clock
):
    """W1, W3: whoever sends it again needs no look at the pair, and the other side can tell that it is the same."""
    left, right = pairs(mapping)[0]
    etag = sandbox.clio.record("contacts", right)["etag"]
    sandbox.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    read(pair)
    sandbox.clio.script(f"/contacts/{right}", {"method": "PATCH", "status": 503, "body": "no"})
    sent = len(writes(sandbox.clio))

    run = push(mapping)

    change = changes()[-1]
    told = (change.connection_id, change.resource, change.op, change.external_id, change.mapping_id, change.version)
    assert told == (pair[1], "contacts", "update", str(right), mapping, 1)
    assert (change.run_id, change.cause) == (run.id, "Mapping Contacts, version 1")
    assert (change.wanted, list(change.before), change.expected) == ({"first_name": "Augusta"}, ["first_name"], etag)
    key, number = change.idempotency_key, change.id
    assert len(key) == 32
    clock.advance(minutes=10)
    push(mapping)
    again = db.session.get_one(Change, number)
    assert (again.state, again.tries, again.idempotency_key) == ("done", 2, key)
    assert len(writes(sandbox.clio)) > sent + 1
    keys = [one.idempotency_key for one in changes()]
    assert len(set(keys)) == len(keys)
