"""Stripe, written to the sandbox: every call with its change's key, money to the cent, refusals at our field."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from integration_console import clock as house_clock
from integration_console import services
from integration_console.errors import BadAnswer, BadRecord, Missing, TryLater
from integration_console.services.writing import MISSING, Write, bill_line, by_name, value_of

STRIPE = services.by_key("stripe")
WRITING = STRIPE.writing
LINES = [bill_line("Drafting", 1.5, 300, 450), bill_line("Filing fee", 1, "60.25", "60.25")]
WRITTEN = [(resource, op) for resource, ops in WRITING.writable.items() for op in ops]


def write(op, resource, values, record=None, **more):
    """A write as the sender makes one."""
    more = {"marker": uuid4().hex, "since": house_clock.now(), **more}
    return Write(op, resource, values, record["id"] if record else None, record, **more)


def send(connected, *args, **more):
    return WRITING.send(connected.upstream, write(*args, **more))


def invoice(connected, **more):
    return {"customer": connected.records("customers")[0]["id"], "currency": "USD", "lines": LINES, **more}


def plan(connected, status="active"):
    return next(
        one for one in connected.records("subscriptions") if one["status"] == status and not one["pause_collection"]
    )


def posted(connected, since=0):
    return [call.path for call in connected.asked(since) if call.method in ("POST", "DELETE")]


# What can be mapped


def test_nothing_but_what_was_promised_is_written():
    """W8: nothing that is not on the list is ever sent."""
    assert {name: set(ops) for name, ops in WRITING.writable.items()} == {
        "customers": {"create", "update"}, "invoices": {"create", "update"}, "subscriptions": {"update"},
    }  # fmt: skip
    for resource in ("payments", "charges"):
        assert not any(field.writable for field in WRITING.fields(resource))
    for resource, op in (("customers", "delete"), ("payments", "create"), ("subscriptions", "create")):
        with pytest.raises(TypeError):
            WRITING.send(None, Write(op, resource, {}, "x"))


@pytest.mark.parametrize("resource", STRIPE.resources)
def test_plain_values_are_of_the_types_their_fields_have(stripe, resource):
    kinds = {"boolean": bool, "lines": list, "number": (int, float), "money": (int, float)}
    fields = by_name(WRITING.fields(resource))
    for record in stripe.records(resource):
        for name, value in WRITING.plain(resource, record).items():
            assert value is None or isinstance(value, kinds.get(fields[name].type, str)), (name, value)


def test_a_field_that_is_not_told_is_missing_and_one_told_empty_is_none():
    """P6"""
    values = WRITING.plain("customers", {"id": "cus_1", "email": None, "address": {"city": ""}})

    assert (values["email"], values["address.city"]) == (None, None)
    assert value_of(values, "name") is MISSING
    assert value_of(WRITING.plain("customers", {"id": "cus_1"}), "address.city") is MISSING


def test_money_is_told_in_whole_units_of_its_currency():
    assert WRITING.plain("invoices", {"total": 123456, "currency": "usd"})["total"] == 1234.56
    assert WRITING.plain("invoices", {"total": 500, "currency": "jpy"})["total"] == 500
    assert WRITING.plain("invoices", {"total": 12345, "currency": "kwd"})["total"] == 12.345


# Customers


def test_a_customer_is_made_and_changed(fresh_stripe):
    made = send(fresh_stripe, "create", "customers", {
        "name": "Ada Lovelace", "email": "ada@example.com", "phone": None, "address.city": "Reno",
    }).record  # fmt: skip
    changed = send(fresh_stripe, "update", "customers", {"email": "", "address.line1": "1 Main St"}, made).record

    assert made == {**made, "name": "Ada Lovelace", "email": "ada@example.com", "phone": None}
    assert (changed["email"], changed["address"]["line1"], changed["address"]["city"]) == (None, "1 Main St", "Reno")
    assert fresh_stripe.one("customers", made["id"]) == changed


def test_what_is_so_already_is_not_sent(fresh_stripe):
    """W6"""
    made = send(fresh_stripe, "create", "customers", {"name": "Ada", "email": "ada@example.com"}).record
    seen = fresh_stripe.calls()

    assert send(fresh_stripe, "update", "customers", {"name": "Ada", "phone": ""}, made).record == made
    assert fresh_stripe.calls() == seen


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "A" * 300}, "name"),
        ({"name": "Ada", "email": "nonsense"}, "email"),
        ({"name": "Ada", "balance": 5}, "balance"),
        ({"name": "Ada", "colour": "red"}, "colour"),
    ],
)
def test_a_refused_customer_names_our_field(fresh_stripe, values, field):
    """W4"""
    before = fresh_stripe.sandbox.ledger()
    with pytest.raises(BadRecord) as raised:
        send(fresh_stripe, "create", "customers", values)

    assert raised.value.field == field
    assert fresh_stripe.sandbox.ledger() == before


# Invoices


def test_an_invoice_is_made_with_its_lines_and_finalized(fresh_stripe):
    seen = fresh_stripe.calls()
    wanted = invoice(fresh_stripe, description="May", due_date="2027-01-31")
    record = send(fresh_stripe, "create", "invoices", wanted).record

    assert (record["status"], record["total"], record["currency"]) == ("open", 51025, "usd")
    assert [line["description"] for line in record["lines"]["data"]] == ["Drafting (1.5 × 300)", "Filing fee"]
    assert (record["auto_advance"], record["collection_method"]) == (False, "send_invoice")
    assert WRITING.plain("invoices", record)["due_date"] == "2027-01-31"
    assert [path.split("/")[2] for path in posted(fresh_stripe, seen)] == ["invoices", "invoiceitems", "invoiceitems",
                                                                          "invoices"]  # fmt: skip


def test_a_draft_may_wait_for_a_person_and_be_finalized_later(fresh_stripe):
    draft = send(fresh_stripe, "create", "invoices", invoice(fresh_stripe, finalized=False)).record
    assert (draft["status"], draft["total"]) == ("draft", 51025)

    final = send(fresh_stripe, "update", "invoices", {"finalized": True, "footer": "Thank you"}, draft).record
    assert (final["status"], final["footer"]) == ("open", "Thank you")
    assert "finalized" in WRITING.refusal(write("update", "invoices", {"footer": "x"}, final))


def test_amounts_go_in_the_smallest_unit_of_their_currency(fresh_stripe):
    yen = [bill_line("Filing", 1, 5000, 5000)]
    made = send(fresh_stripe, "create", "invoices", invoice(fresh_stripe, currency="JPY", lines=yen))
    assert made.record["total"] == 5000

    dinars = [bill_line(words, 1, "10.125", "10.125", "KWD") for words in ("Filing", "Courier")]
    made = send(fresh_stripe, "create", "invoices", invoice(fresh_stripe, currency="KWD", lines=dinars))
    assert made.record["total"] == 20250
    assert [line["amount"] for line in WRITING.plain("invoices", made.record)["lines"]] == ["10.125", "10.125"]

    with pytest.raises(BadRecord, match="no amount of JPY") as raised:
        send(fresh_stripe, "create", "invoices", invoice(fresh_stripe, currency="JPY", lines=LINES))
    assert raised.value.field == "lines"


def test_an_invoice_that_is_refused_half_way_says_which_draft_is_left(fresh_stripe):
    fresh_stripe.sandbox.script("/v1/invoices/*/finalize", {"status": 400, "body": {"error": {"message": "Not now."}}})

    with pytest.raises(BadRecord, match=r"Not now.* The draft in_.* is left in Stripe"):
        send(fresh_stripe, "create", "invoices", invoice(fresh_stripe))


def test_a_draft_that_is_left_without_its_lines_goes_to_nobody(fresh_stripe):
    """Stripe makes a draft final by itself within the hour, where it was told to."""
    fresh_stripe.sandbox.script("/v1/invoiceitems", {"status": 400, "body": {"error": {"message": "Not now."}}})

    with pytest.raises(BadRecord, match="The draft in_") as raised:
        send(fresh_stripe, "create", "invoices", invoice(fresh_stripe, auto_advance=True))
    left = fresh_stripe.sandbox.record("invoices", str(raised.value).split("The draft ")[1].split()[0])
    assert (left["status"], left["auto_advance"]) == ("draft", False)

    whole = send(fresh_stripe, "create", "invoices", invoice(fresh_stripe, auto_advance=True, finalized=False)).record
    assert (whole["status"], whole["total"], whole["auto_advance"]) == ("draft", 51025, True)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"customer": ""}, "customer"), ({"lines": []}, "lines"), ({"currency": None}, "currency"),
     ({"customer": "cus_nope"}, "customer"), ({"due_date": "soon"}, "due_date"), ({"total": 5}, "total")],
)  # fmt: skip
def test_a_refused_invoice_names_our_field_and_leaves_nothing(fresh_stripe, change, field):
    before = fresh_stripe.sandbox.ledger()
    with pytest.raises(BadRecord) as raised:
        send(fresh_stripe, "create", "invoices", invoice(fresh_stripe, **change))

    assert raised.value.field == field
    assert fresh_stripe.sandbox.ledger() == before


# Subscriptions


def test_a_subscription_is_paused_resumed_and_left_to_end(fresh_stripe):
    record = plan(fresh_stripe)
    paused = send(fresh_stripe, "update", "subscriptions", {"pause_collection": "void"}, record).record
    resumed = send(fresh_stripe, "update", "subscriptions", {"pause_collection": None}, paused).record
    ending = send(fresh_stripe, "update", "subscriptions", {"cancel_at_period_end": True}, resumed).record

    assert (paused["pause_collection"]["behavior"], resumed["pause_collection"]) == ("void", None)
    assert (ending["cancel_at_period_end"], ending["status"]) == (True, "active")


def test_a_subscription_is_canceled_for_good(fresh_stripe):
    over = send(fresh_stripe, "update", "subscriptions", {"canceled": True}, plan(fresh_stripe)).record

    assert (over["status"], WRITING.plain("subscriptions", over)["canceled"]) == ("canceled", True)
    assert "over" in WRITING.refusal(write("update", "subscriptions", {"canceled": False}, over))
    with pytest.raises(BadRecord, match="back"):
        send(fresh_stripe, "update", "subscriptions", {"canceled": False}, over)


# Answers that get lost (W3)


def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_nothing_is_made_twice(fresh_stripe):
    fresh_stripe.upstream._deadline_s = 0.4
    fresh_stripe.sandbox.script("/v1/customers", {"method": "POST", "through": True, "delay_s": 0.8})
    before = fresh_stripe.sandbox.ledger()["customers"]

    made = send(fresh_stripe, "create", "customers", {"name": "Ada"})
    house_clock.sleep(0.8)  # until the first one arrives, too
    assert fresh_stripe.sandbox.ledger()["customers"] == before + 1
    assert made.record["name"] == "Ada"


@pytest.mark.parametrize("broken", ["/v1/invoices", "/v1/invoiceitems", "/v1/invoices/*/finalize"])
def test_an_invoice_broken_off_anywhere_is_gone_through_again_and_is_one_invoice(fresh_stripe, broken):
    wanted = write("create", "invoices", invoice(fresh_stripe))
    fresh_stripe.upstream._attempts, fresh_stripe.upstream._deadline_s = 1, 0.4
    fresh_stripe.sandbox.script(broken, {"method": "POST", "through": True, "delay_s": 0.8})
    before = fresh_stripe.sandbox.ledger()["invoices"]

    with pytest.raises(TryLater):
        WRITING.send(fresh_stripe.upstream, wanted)
    house_clock.sleep(0.6)  # it arrives, and only its answer is lost
    first = WRITING.send(fresh_stripe.upstream, wanted)
    again = WRITING.send(fresh_stripe.upstream, wanted)

    assert fresh_stripe.sandbox.ledger()["invoices"] == before + 1
    assert first.external_id == again.external_id
    assert (again.record["total"], len(again.record["lines"]["data"])) == (51025, 2)


def test_a_change_always_makes_the_same_body():
    """Whatever the record has become meanwhile: another body with the same key is refused."""
    record = {"id": "cus_1", "object": "customer", "name": "Ada", "email": "a@example.com"}

    class Notebook:
        settings, forms = {}, []

        def send(self, call):
            self.forms.append((dict(call.form), call.headers["Idempotency-Key"], call.safe))
            raise TryLater("Lost.")

    one = write("update", "customers", {"name": "Grace", "email": "a@example.com"}, record)
    for current in (record, {**record, "email": "b@example.com"}):
        with pytest.raises(TryLater):
            WRITING.send(Notebook(), replace(one, current=current))
    first, second = Notebook.forms
    assert first == second == ({"name": "Grace", "email": "a@example.com"}, one.marker, True)


def test_for_how_long_the_key_is_remembered():
    now = house_clock.now()

    assert WRITING.idempotency.remembers(now - timedelta(hours=22), now)
    assert not WRITING.idempotency.remembers(now - timedelta(hours=24), now)


def test_after_that_what_was_made_is_found_by_its_mark(fresh_stripe):
    customer, bill = write("create", "customers", {"name": "Ada"}), write("create", "invoices", invoice(fresh_stripe))
    made = [WRITING.send(fresh_stripe.upstream, one).external_id for one in (customer, bill)]
    send(fresh_stripe, "create", "customers", {"name": "Ada"})  # another one of that name

    assert [WRITING.find(fresh_stripe.upstream, one)[0]["id"] for one in (customer, bill)] == made
    assert WRITING.find(fresh_stripe.upstream, replace(customer, marker="another")) == []


def test_a_key_that_was_used_with_another_body_is_a_write_that_may_be_there(fresh_stripe):
    """W3: refused, and sent again under a new key, it would be two invoices."""
    first = write("create", "invoices", invoice(fresh_stripe))
    made = WRITING.send(fresh_stripe.upstream, first)
    another = replace(first, values={**first.values, "description": "In other words"})

    again = WRITING.send(fresh_stripe.upstream, another)

    assert again.external_id == made.external_id
    customer = write("create", "customers", {"name": "Nova Quist"})
    WRITING.send(fresh_stripe.upstream, customer)
    with pytest.raises(BadRecord, match="same parameters they were first used with") as refused:
        WRITING.send(
            fresh_stripe.upstream,
            replace(customer, values={"name": "Zoe"}, since=house_clock.now() + timedelta(days=1)),
        )
    assert not refused.value.may_be_there  # nothing bears its mark


def test_a_key_that_was_used_for_half_an_invoice_is_looked_up_before_it_is_used_again(fresh_stripe):
    first = write("create", "invoices", invoice(fresh_stripe))
    fresh_stripe.sandbox.script(
        "/v1/invoiceitems", {"method": "POST", "status": 400, "body": {"error": {"message": "No"}}}
    )
    with pytest.raises(BadRecord):
        WRITING.send(fresh_stripe.upstream, first)

    with pytest.raises(BadRecord, match="was begun and is still a draft") as refused:
        WRITING.send(fresh_stripe.upstream, replace(first, values={**first.values, "description": "In other words"}))

    assert refused.value.may_be_there


def test_an_invoice_that_was_only_begun_waits_for_a_person(fresh_stripe):
    fresh_stripe.upstream._attempts = 1
    wanted = write("create", "invoices", invoice(fresh_stripe))
    fresh_stripe.sandbox.script("/v1/invoiceitems", {"method": "POST", "cut": True})
    with pytest.raises(BadAnswer):
        WRITING.send(fresh_stripe.upstream, wanted)

    with pytest.raises(BadRecord, match="still a draft"):
        WRITING.find(fresh_stripe.upstream, wanted)


def test_an_invoice_that_was_voided_meanwhile_waits_for_a_person(fresh_stripe):
    wanted = write("create", "invoices", invoice(fresh_stripe))
    made = WRITING.send(fresh_stripe.upstream, wanted).external_id
    fresh_stripe.sandbox.put("invoices", {"id": made, "status": "void"})

    with pytest.raises(BadRecord, match="void in Stripe by now"):
        WRITING.find(fresh_stripe.upstream, wanted)
    assert WRITING.find(fresh_stripe.upstream, replace(wanted, told=(made,))) == []


@pytest.mark.parametrize("lines_there", [0, 1, 2])
def test_a_draft_that_was_meant_to_stay_one_is_found_only_with_all_its_lines(fresh_stripe, lines_there):
    fresh_stripe.upstream._attempts = 1
    wanted = write("create", "invoices", invoice(fresh_stripe, finalized=False))
    post = WRITING._post
    steps = iter([True] * (1 + lines_there))

    def broken_off(*args, **more):
        if next(steps, None) is None:
            raise TryLater("gone")
        return post(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WRITING, "_post", broken_off)
        if lines_there < len(LINES):
            with pytest.raises(TryLater):
                WRITING.send(fresh_stripe.upstream, wanted)
        else:
            WRITING.send(fresh_stripe.upstream, wanted)

    if lines_there < len(LINES):
        with pytest.raises(BadRecord, match="still a draft"):
            WRITING.find(fresh_stripe.upstream, wanted)
    else:
        assert len(WRITING.find(fresh_stripe.upstream, wanted)) == 1


def test_an_invoice_comes_to_what_was_billed_though_its_customer_has_a_coupon(fresh_stripe):
    values = invoice(fresh_stripe)
    coupon = {"id": "co_1", "object": "coupon", "percent_off": 20.0}
    fresh_stripe.sandbox.put("customers", {"id": values["customer"], "discount": {"id": "di_1", "coupon": coupon}})

    made = send(fresh_stripe, "create", "invoices", values).record

    assert (made["total"], made["status"]) == (51025, "open")
    assert WRITING.plain("invoices", made)["lines"] == [
        bill_line("Drafting (1.5 × 300)", 1, 450, 450), bill_line("Filing fee", 1, "60.25", "60.25")
    ]  # fmt: skip


def test_the_lines_of_a_discounted_invoice_come_to_its_total_before_tax():
    record = {"currency": "usd", "total": 8640, "lines": {"data": [{"amount": 10000, "description": "Retainer"}]},
              "total_discount_amounts": [{"amount": 2000, "discount": "di_1"}]}  # fmt: skip

    lines = WRITING.plain("invoices", record)["lines"]

    assert lines == [bill_line("Retainer", 1, 100, 100), bill_line("Discount", 1, -20, -20)]


def test_a_long_description_is_cut_to_what_a_line_may_hold(fresh_stripe):
    lines = [bill_line("Drafting", 1.5, 300, 450), bill_line("x" * 6000, 1, 10, 10)]

    made = send(fresh_stripe, "create", "invoices", invoice(fresh_stripe, lines=lines)).record

    assert (made["total"], made["status"]) == (46000, "open")


def test_a_record_that_is_gone_is_missing(fresh_stripe):
    record = fresh_stripe.records("customers")[0]
    fresh_stripe.sandbox.delete("customers", record["id"])

    with pytest.raises(Missing):
        send(fresh_stripe, "update", "customers", {"name": "Nobody"}, record)
