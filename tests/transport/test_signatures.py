"""What proves who sent a webhook: every service's way, and forty ways and more to pretend (H1, H2)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from integration_console import services
from integration_console.errors import Unproved
from integration_console.transport.signatures import (
    HmacHeader,
    SlackSignature,
    StripeSignature,
    TokenHeader,
)

from ..forgery import BODY, OTHER, SECRET, Forgery, forgeries, rsa_public, rsa_signed, secret_for, signer_of

NOW = datetime(2026, 11, 27, 9, 30, 12, tzinfo=UTC)
WAYS = {
    "stripe": StripeSignature(),
    "slack": SlackSignature(),
    "xero": HmacHeader("x-xero-signature", "base64"),
    "quickbooks": HmacHeader("intuit-signature", "base64"),
    "ghl": services.by_key("ghl").webhook.signature,
    "clio": HmacHeader("X-Hook-Signature"),
    "clockify": TokenHeader(("clockify-signature", "Clockify-Signature-Token")),
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@every_way
def test_what_was_signed_with_our_secret_is_taken_h2(way):
    headers = signer_of(way).sign(SECRET, BODY, NOW)

    assert way.prove(BODY, headers, [secret_for(way)], NOW) == secret_for(way)
    shouted = {name.upper(): value for name, value in headers.items()}
    assert way.prove(BODY, shouted, [secret_for(way)], NOW) == secret_for(way)


@every_way
def test_while_a_secret_is_rolled_both_are_good_and_the_one_that_fits_is_told_h2(way):
    both = [secret_for(way, OTHER), secret_for(way)]

    assert way.prove(BODY, signer_of(way).sign(SECRET, BODY, NOW), both, NOW) == both[1]
    assert way.prove(BODY, signer_of(way).sign(OTHER, BODY, NOW), both, NOW) == both[0]


@every_way
@pytest.mark.parametrize("secrets", [[], [""], ["", ""]], ids=["none", "empty", "several empty"])
def test_without_a_secret_everything_is_refused_h2(way, secrets):
    for signed_with in (SECRET, ""):
        with pytest.raises(Unproved):
            way.prove(BODY, signer_of(way).sign(signed_with, BODY, NOW), secrets, NOW)


@every_way
def test_no_forgery_is_taken_and_none_breaks_anything_h2(way):
    secrets = [secret_for(way), rsa_public()]
    tried = list(forgeries(way, NOW))

    assert [one.kind for one in tried if _taken(way, one, secrets)] == []
    assert len({one.kind for one in tried}) >= 40


def _taken(way, forged, secrets) -> bool:
    try:
        way.prove(forged.body, forged.headers, secrets, NOW)
    except Unproved:
        return False
    return True


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 299, 300])
@pytest.mark.parametrize("way", [StripeSignature(), SlackSignature()], ids=["stripe", "slack"])
def test_a_clock_up_to_five_minutes_off_is_no_forgery(way, seconds):
    headers = signer_of(way).sign(SECRET, BODY, NOW.replace(microsecond=0) + timedelta(seconds=seconds))

    assert way.prove(BODY, headers, [SECRET], NOW.replace(microsecond=0))


def test_stripe_signs_twice_while_a_secret_is_rolled_and_one_that_fits_is_enough():
    way = StripeSignature()
    ours = signer_of(way).sign(SECRET, BODY, NOW)["Stripe-Signature"]

    assert way.prove(BODY, {"Stripe-Signature": f"{ours},v1={'0' * 64},v0=abc"}, [SECRET], NOW) == SECRET


def test_highlevel_s_older_signature_counts_no_more():
    """It ended on 2026-09-01: what is signed with it only was not sent by HighLevel."""
    way, old = WAYS["ghl"], rsa_signed(BODY)

    for beside in ({}, {"X-GHL-Signature": "N/A"}, {"X-GHL-Signature": old}):
        with pytest.raises(Unproved):
            way.prove(BODY, {"X-WH-Signature": old, **beside}, [rsa_public()], NOW)


def test_highlevel_s_time_is_read_from_the_signed_body():
    way = WAYS["ghl"]
    body = b'{"timestamp": "%s"}' % (NOW - timedelta(seconds=200)).isoformat().encode()

    assert way.prove(body, signer_of(way).sign(SECRET, body, NOW), [secret_for(way)], NOW)


@pytest.mark.parametrize(
    ("hours", "number", "is_taken"),
    [(-1, "w1", True), (-24, "w1", True), (-25, "w1", False), (-1, "", False), (1, "w1", False)],
)
def test_highlevel_s_repeats_bear_the_time_of_their_first_try(hours, number, is_taken):
    """After our 429 it sends the same bytes for an hour and more; a number tells those from a replay."""
    way = WAYS["ghl"]
    said = {"timestamp": (NOW + timedelta(hours=hours)).isoformat(), "webhookId": number}
    body = json.dumps(said).encode()
    forged = Forgery("a repeat", body, signer_of(way).sign(SECRET, body, NOW))

    assert _taken(way, forged, [secret_for(way)]) is is_taken


def test_of_clockify_s_names_for_the_header_the_first_that_is_there_decides():
    way = WAYS["clockify"]

    assert way.prove(BODY, {"Clockify-Signature-Token": SECRET}, [SECRET], NOW) == SECRET
    with pytest.raises(Unproved):
        way.prove(BODY, {"clockify-signature": OTHER, "Clockify-Signature-Token": SECRET}, [SECRET], NOW)


def test_what_the_senders_own_clients_sign_is_proved():
    """Stripe's and Slack's published libraries, which know nothing of us."""
    import stripe
    from slack_sdk.signature import SignatureVerifier

    stamp = str(int(NOW.timestamp()))
    sent = stripe.WebhookSignature._compute_signature(f"{stamp}.{BODY.decode()}", SECRET)
    assert StripeSignature().prove(BODY, {"Stripe-Signature": f"t={stamp},v1={sent}"}, [SECRET], NOW) == SECRET

    sent = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=BODY)
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": sent}
    assert SlackSignature().prove(BODY, headers, [SECRET], NOW) == SECRET
