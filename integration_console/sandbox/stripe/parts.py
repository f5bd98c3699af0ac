"""Parts of Stripe's records: ids, what is made of what is given, and how each API version shows a record.

Versions before 2025-03-31 ("basil") had some fields elsewhere.
"""

PREFIXES = {
    "customers": "cus",
    "invoices": "in",
    "payments": "pi",
    "charges": "ch",
    "subscriptions": "sub",
    "invoice_items": "ii",
    "refunds": "re",
    "credit_notes": "cn",
    "invoice_payments": "inpay",
    "webhook_endpoints": "we",
}
OBJECTS = {
    "customers": "customer",
    "invoices": "invoice",
    "payments": "payment_intent",
    "charges": "charge",
    "subscriptions": "subscription",
    "invoice_items": "invoiceitem",
    "refunds": "refund",
    "credit_notes": "credit_note",
    "invoice_payments": "invoice_payment",
    "webhook_endpoints": "webhook_endpoint",
}
BASIL = "2025-03-31"
DAY_S = 86_400


def id_of(resource: str, number: int) -> str:
    return f"{PREFIXES[resource]}_1Sbx{number:012d}"


def number_of(resource: str, name) -> int:
    """The number in an id; 0, which no record has, for any other text."""
    head = f"{PREFIXES[resource]}_1Sbx"
    tail = str(name).removeprefix(head)
    return int(tail) if str(name).startswith(head) and tail.isdigit() else 0


def invoice_facts(customer: dict, lines: list) -> dict:
    """What every invoice says of its customer and its lines."""
    return {
        "auto_advance": False,
        "collection_method": "send_invoice",
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "default_payment_method": None,
        "pre_payment_credit_notes_amount": 0,
        "post_payment_credit_notes_amount": 0,
        "footer": None,
        "_lines": lines,
        "next_payment_attempt": None,
        "attempt_count": 0,
        "attempted": False,
    }


def line_item(invoice: str, name: str, amount: int, currency: str, words: str, at: int) -> dict:
    return {
        "id": name,
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": words,
        "discountable": True,
        "invoice": invoice,
        "livemode": False,
        "metadata": {},
        "period": {"start": at, "end": at},
        "quantity": 1,
        "subtotal": amount,
    }


def charge_facts(payment: dict, amount: int, *, failed: bool) -> dict:
    code = (payment["last_payment_error"] or {}).get("decline_code") if failed else None
    return {
        "amount": amount,
        "amount_captured": 0 if failed else amount,
        "balance_transaction": None if failed else payment["id"].replace("pi_", "txn_"),
        "captured": not failed,
        "currency": payment["currency"],
        "customer": payment["customer"],
        "description": payment["description"],
        "failure_code": "card_declined" if failed else None,
        "failure_message": f"Your card was declined ({code})." if failed else None,
        "paid": not failed,
        "payment_method": payment["payment_method"],
        "receipt_email": payment["receipt_email"],
        "receipt_number": None,
        "receipt_url": None if failed else f"https://pay.stripe.example.com/receipts/{payment['id']}",
        "status": "failed" if failed else "succeeded",
        "_invoice": payment["_invoice"],
    }


def declined(code: str) -> dict:
    return {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": code,
        "message": f"Your card was declined ({code}).",
    }


def price(amount: int, currency: str) -> dict:
    return {
        "id": f"price_1Sbx{currency}{amount}",
        "object": "price",
        "active": True,
        "currency": currency,
        "livemode": False,
        "product": "prod_SbxPaymentPlan",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def nested(items: list, url: str, shown: int = 10) -> dict:
    """A list within a record: the first few, and where the rest is."""
    return {"object": "list", "data": items[:shown], "has_more": len(items) > shown, "url": url}


def as_of(version: str, record: dict) -> dict:
    """A record as a version shows it: what begins with _ is ours, and some fields were elsewhere before basil."""
    told = {name: value for name, value in record.items() if not name.startswith("_")}
    kind, is_old = record["object"], version < BASIL
    if kind == "invoice":
        told["lines"] = nested(record["_lines"], f"/v1/invoices/{record['id']}/lines")
        if is_old:
            by = record["_paid_by"]
            details = (told.pop("parent", None) or {}).get("subscription_details") or {}
            told["subscription"] = details.get("subscription")
            told["payment_intent"] = id_of("payments", by) if by else None
            told["charge"] = id_of("charges", by) if by else None
            told["paid"] = record["status"] == "paid"
    elif kind in ("payment_intent", "charge") and is_old:
        told["invoice"] = record["_invoice"]
    elif kind == "subscription" and is_old:
        items = [dict(one) for one in record["items"]["data"]]
        spans = [(one.pop("current_period_start"), one.pop("current_period_end")) for one in items]
        told["items"] = {**record["items"], "data": items}
        told["current_period_start"], told["current_period_end"] = spans[0]
    return told
