"""Every service that knows consent: away, back, and its tokens taken back at the end, at its own stand-in."""

import pytest

from integration_console import services
from integration_console.operations import connections, consent
from integration_console.services.base import OAuth

from .test_consent_kinds import BROWSER, decide

BY_CONSENT = [key for key, one in services.every().items() if any(isinstance(way, OAuth) for way in one.ways)]


def consented(key: str, **changes) -> consent.Returned:
    leaving = consent.begin(key, name="Ours", settings={}, by="Ana", bound_to=BROWSER, **changes)
    back = decide(leaving)
    said = {name: back.get(name, "") for name in ("state", "code", "error")}
    returned = consent.finish(key, bound_to=BROWSER, told=back, **said)
    if returned.connection is None:
        account = returned.asked.choices[0]["id"]
        return consent.choose(key, state=back["state"], account_id=account, bound_to=BROWSER)
    return returned


@pytest.mark.parametrize("key", BY_CONSENT)
def test_a_service_is_connected_by_consent_and_takes_its_tokens_back(session, sandbox, key):
    connection = consented(key).connection
    assert connection is not None
    assert connections.test(connection).id == connection.account_id

    said = connections.remove(connection, by="Ana")

    revocable = any(isinstance(way, OAuth) and way.revoke_url for way in services.by_key(key).ways)
    assert ("took the tokens back" in said) is revocable
