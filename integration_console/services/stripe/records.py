"""Stripe's records: the fields we rely on, where they are now and where they were before 2025.

Source: API version 2026-10-28.endive. A field marked "before basil" is gone since 2025-03-31 and still there for
records that an older version shows. A reference is an id, or the whole object where a call asked for it.
"""

from __future__ import annotations

from typing import Any

from ..shapes import Unix, UpstreamRecord
from .money import Amount

Ref = str | dict[str, Any]
Anything = dict[str, Any]


class Address(UpstreamRecord):
    """Where a customer is."""

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Fault(UpstreamRecord):
    """Why a payment did not go through."""

    code: str | None = None
    decline_code: str | None = None
    message: str | None = None


class Payment(UpstreamRecord):
    """A payment intent: one payment, over all its tries."""

    id: str
    status: str | None = None  # requires_payment_method, ..., processing, canceled, succeeded
    amount: Amount | None = None
    amount_received: Amount | None = None
    currency: str | None = None
    customer: Ref | None = None
    description: str | None = None
    receipt_email: str | None = None
    latest_charge: Ref | None = None
    payment_method: Ref | None = None
    last_payment_error: Fault | None = None
    cancellation_reason: str | None = None
    canceled_at: Unix | None = None
    created: Unix | None = None
    invoice: Ref | None = None  # before basil
    livemode: bool | None = None
    metadata: Anything | None = None


class BillingDetails(UpstreamRecord):
    """Who paid, as they wrote it."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Charge(UpstreamRecord):
    """One try to move money, and what became of it."""

    id: str
    status: str | None = None  # succeeded, pending, failed
    amount: Amount | None = None
    amount_captured: Amount | None = None
    amount_refunded: Amount | None = None
    currency: str | None = None
    paid: bool | None = None
    captured: bool | None = None
    refunded: bool | None = None
    disputed: bool | None = None
    customer: Ref | None = None
    billing_details: BillingDetails | None = None
    payment_intent: Ref | None = None
    balance_transaction: Ref | None = None
    description: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    receipt_email: str | None = None
    receipt_number: str | None = None
    receipt_url: str | None = None
    created: Unix | None = None
    invoice: Ref | None = None  # before basil
    livemode: bool | None = None
    metadata: Anything | None = None


class Transitions(UpstreamRecord):
    """When an invoice became what it is."""

    finalized_at: Unix | None = None
    paid_at: Unix | None = None
    voided_at: Unix | None = None
    marked_uncollectible_at: Unix | None = None


class Parent(UpstreamRecord):
    """What an invoice was made for."""

    type: str | None = None
    subscription_details: Anything | None = None  # {"subscription": "sub_..."}


class Invoice(UpstreamRecord):
    """What a customer is asked to pay."""

    id: str
    number: str | None = None
    status: str | None = None  # draft, open, paid, uncollectible, void
    currency: str | None = None
    total: Amount | None = None
    subtotal: Amount | None = None
    amount_due: Amount | None = None
    amount_paid: Amount | None = None
    amount_remaining: Amount | None = None
    pre_payment_credit_notes_amount: Amount | None = None  # credited before it was paid, and due no longer
    post_payment_credit_notes_amount: Amount | None = None
    customer: Ref | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    description: str | None = None
    collection_method: str | None = None
    billing_reason: str | None = None
    due_date: Unix | None = None
    period_start: Unix | None = None
    period_end: Unix | None = None
    status_transitions: Transitions | None = None
    hosted_invoice_url: str | None = None
    invoice_pdf: str | None = None
    parent: Parent | None = None
    subscription: Ref | None = None  # before basil, as the next three
    payment_intent: Ref | None = None
    charge: Ref | None = None
    paid: bool | None = None
    created: Unix | None = None
    livemode: bool | None = None
    lines: Anything | None = None
    payments: Anything | None = None
    metadata: Anything | None = None


class Customer(UpstreamRecord):
    """Somebody who pays."""

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    description: str | None = None
    business_name: str | None = None
    individual_name: str | None = None
    address: Address | None = None
    balance: Amount | None = None  # below zero: in their favour
    currency: str | None = None
    delinquent: bool | None = None
    invoice_prefix: str | None = None
    created: Unix | None = None
    livemode: bool | None = None
    metadata: Anything | None = None


class PauseCollection(UpstreamRecord):
    """How invoices are treated while collection is paused."""

    behavior: str | None = None  # keep_as_draft, mark_uncollectible, void
    resumes_at: Unix | None = None


class Subscription(UpstreamRecord):
    """What a customer pays again and again."""

    id: str
    status: str | None = None  # active, canceled, incomplete, incomplete_expired, past_due, paused, trialing, unpaid
    customer: Ref | None = None
    description: str | None = None
    currency: str | None = None
    collection_method: str | None = None
    days_until_due: int | None = None
    cancel_at_period_end: bool | None = None
    pause_collection: PauseCollection | None = None
    start_date: Unix | None = None
    trial_end: Unix | None = None
    cancel_at: Unix | None = None
    canceled_at: Unix | None = None
    ended_at: Unix | None = None
    current_period_start: Unix | None = None  # before basil; now in each of its items
    current_period_end: Unix | None = None
    latest_invoice: Ref | None = None
    items: Anything | None = None
    created: Unix | None = None
    livemode: bool | None = None
    metadata: Anything | None = None
