"""Sign-ins are kept from dying of idleness, and a person is told in time where one is needed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from integration_console import clock as house_clock
from integration_console.errors import NeedsPerson
from integration_console.models import AuditEvent, Connection, db
from integration_console.operations import schedule, sealed
from integration_console.operations.accounts import connections, sign_ins

from .conftest import connect

DAY_S = 86_400


def signed_in(harbor, **settings) -> int:
    return connections.add(
        "harbor", name="Ours", credentials=harbor.token_answer(), settings=settings, by="Ana",
        permissions=("berths.read", "ships.read"),
    ).id  # fmt: skip


def refreshes(harbor) -> int:
    return sum(1 for seen in harbor.requests if seen.path == "/oauth/token")


def banners() -> list[sign_ins.Banner]:
    return sign_ins.banners(connections.every(removed=True))


def told_of_ends() -> list[int]:
    rows = select(AuditEvent).where(AuditEvent.action == "sign-in ends soon").order_by(AuditEvent.id)
    return [event.details["days"] for event in db.session.scalars(rows)]


@pytest.mark.parametrize("paused", [False, True], ids=["connected", "paused"])
def test_a_sign_in_is_renewed_at_half_of_what_it_survives_unused(session, harbor, clock, paused):
    number = signed_in(harbor)
    if paused:
        connections.pause(connections.find(number), by="Ana")
    old = sealed.unseal(connections.find(number))["refresh_token"]

    clock.advance(29 * DAY_S)
    assert sign_ins.keep_alive() == 0
    clock.advance(2 * DAY_S)
    assert sign_ins.keep_alive() == 1

    connection = connections.find(number)
    assert sealed.unseal(connection)["refresh_token"] != old  # rotated, and the new one is kept
    assert house_clock.now() - connection.renewed_at < timedelta(minutes=1)
    assert connection.status == ("paused" if paused else "connected")
    assert sign_ins.keep_alive() == 0
    assert refreshes(harbor) == 1


@pytest.mark.one_database
@pytest.mark.parametrize(("key", "idle_days", "life_days"), [("quickbooks", 100, 5 * 365), ("xero", 60, None)])
def test_the_sign_ins_that_die_are_kept_alive_by_each_services_own_days(
    session, sandbox, clock, key, idle_days, life_days
):
    """QuickBooks: 100 days, and five years in any case. Xero: 60 days."""
    number = connect(sandbox, key)
    old, sign_in = sealed.unseal(connections.find(number)), sign_ins.of(connections.find(number))
    assert sign_in.idle == timedelta(days=idle_days)
    assert (sign_in.ends_at and sign_in.ends_at - connections.find(number).consented_at) == (
        life_days and timedelta(days=life_days)
    )

    clock.advance((idle_days / 2 - 1) * DAY_S)
    assert sign_ins.keep_alive() == 0
    clock.advance(2 * DAY_S)
    assert sign_ins.keep_alive() == 1

    new = sealed.unseal(connections.find(number))
    assert new["refresh_token"] != old["refresh_token"]
    assert connections.test(connections.find(number)).id == connections.find(number).account_id


def test_a_service_without_such_an_end_is_left_alone(session, sandbox, clock):
    connect(sandbox, "clio")
    clock.advance(400 * DAY_S)
    assert sign_ins.keep_alive() == 0


def test_a_sign_in_that_is_refused_waits_for_a_person_and_is_not_tried_again(session, harbor, clock):
    """K3"""
    number = signed_in(harbor)
    harbor.revoke()
    clock.advance(31 * DAY_S)

    assert sign_ins.keep_alive() == sign_ins.keep_alive() == 0

    assert connections.find(number).status == "needs_reconnect"
    assert refreshes(harbor) == 1
    assert [(b.connection_id, b.what) for b in banners()] == [(number, "needs to be reconnected")]


def test_a_service_that_is_down_is_asked_again_next_time(session, harbor, clock):
    number = signed_in(harbor)
    harbor.script("/oauth/token", {"status": 503})
    clock.advance(31 * DAY_S)

    assert sign_ins.keep_alive() == 0
    assert connections.find(number).status == "connected"
    assert sign_ins.keep_alive() == 1


def test_many_sign_ins_are_renewed_in_turns_and_one_that_fails_keeps_no_other_waiting(
    session, harbor, clock, monkeypatch
):
    """However long their answers took, the clock waited for all of them: no run was asked for meanwhile."""
    signed_in(harbor)
    signed_in(harbor)
    harbor.script("/oauth/token", {"status": 503})
    clock.advance(31 * DAY_S)
    monkeypatch.setattr(sign_ins, "A_TURN_S", -1)
    monkeypatch.setattr(sign_ins, "_tried_last", 0)

    assert [sign_ins.keep_alive() for _ in range(2)] == [0, 1]
    assert refreshes(harbor) == 2


def test_the_end_of_a_sign_ins_life_is_told_thirty_seven_and_one_day_ahead(session, harbor, clock):
    number = signed_in(harbor)
    clock.advance(334 * DAY_S)
    sign_ins.keep_alive()
    assert banners() == []

    for days, grave in ((30, False), (29, False), (7, True), (6, True), (1, True)):
        clock.travel_to(sign_ins.of(connections.find(number)).ends_at - timedelta(days=days))
        sign_ins.keep_alive()
        (banner,) = banners()
        assert f"within {days} day" in banner.what
        assert banner.grave is grave

    assert told_of_ends() == [30, 7, 1]


def test_a_reconnection_begins_a_new_life(session, harbor, clock):
    number = signed_in(harbor)
    clock.advance(360 * DAY_S)
    sign_ins.keep_alive()
    connections.reconnect(connections.find(number), harbor.token_answer(), by="Ana")

    assert banners() == []
    assert connections.find(number).end_told is None


def test_what_was_not_granted_is_named_with_what_stops(session, harbor):
    harbor._given[harbor.access_token] = ("", ("berths.read",))
    connection = connections.find(signed_in(harbor))

    assert connection.scopes == ["berths.read"]
    assert sign_ins.of(connection).missing == [("ships.read", "ships cannot be read")]


def test_renewing_on_request_gives_a_later_end(session, harbor, clock):
    connection = connections.find(signed_in(harbor))
    before = connection.expires_at
    clock.advance(60)

    sign_ins.renew(connection)

    assert connection.expires_at > before


def test_a_key_cannot_be_renewed(session, sandbox):
    connection = connections.find(connect(sandbox, "clockify"))
    with pytest.raises(NeedsPerson, match="connected with a key"):
        sign_ins.renew(connection)


@pytest.mark.one_database
def test_the_clock_keeps_sign_ins_alive_by_itself(session):
    assert sign_ins.keep_alive in [chore.do for chore in schedule.CHORES]


def test_a_removed_connection_is_in_nobodys_way(session, harbor):
    number = signed_in(harbor)
    connections.remove(connections.find(number), by="Ana")

    assert banners() == []
    assert db.session.get(Connection, number).status == "removed"
