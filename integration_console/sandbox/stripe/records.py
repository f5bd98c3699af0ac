"""What the firm takes in through Stripe: its clients as customers, their invoices, payments, charges and plans.

Source: GitHub stripe/openapi, fixtures of 2026-08, and the field names of the official client 16.1.0. A record is made
in today's shape; what begins with _ is ours and is not shown.
"""

from .parts import (
    DAY_S,
    OBJECTS,
    charge_facts,
    declined,
    id_of,
    invoice_facts,
    line_item,
    nested,
    number_of,
    price,
)

PAID_AFTER_S, CHARGED_AFTER_S = 300, 303
CURRENCIES = ("usd",) * 46 + ("eur", "jpy", "kwd", "gbp")
WORK = ("Retainer", "Legal services", "Consultation", "Filing fees", "Document review")
DECLINED = ("insufficient_funds", "expired_card", "do_not_honor")
PLAN_STATES = ("active",) * 6 + ("trialing", "past_due", "canceled", "canceled", "paused", "incomplete_expired")


class StripeRecords:
    def __init__(self, firm) -> None:
        self.firm = firm
        self.counts = {
            "customers": firm.count(420, 30_000),
            "invoices": firm.count(640, 60_000),
            "payments": firm.count(640, 60_000),
            "charges": firm.count(640, 60_000),
            "subscriptions": firm.count(60, 2_000),
            "invoice_items": 0,
            "refunds": 0,
            "credit_notes": 0,
            "invoice_payments": 0,
            "webhook_endpoints": 0,
        }
        self.account_id = "acct_1SbxAshbyOkoye"

    def made_at(self, resource: str, number: int) -> int:
        later = {"payments": PAID_AFTER_S, "charges": CHARGED_AFTER_S}.get(resource, 0)
        return int(self.firm.made_at(number, self.counts[resource])) + later

    def _common(self, resource: str, number: int) -> dict:
        return {
            "id": id_of(resource, number),
            "object": OBJECTS[resource],
            "created": self.made_at(resource, number),
            "livemode": False,
            "metadata": {},
        }

    # Customers: the firm's clients, spelled as somebody typed them into a payment form

    def customer(self, number: int) -> dict:
        party, firm = self.firm.party(number), self.firm
        typed_address = firm.chance(60, "stripe address", number)
        return {
            **self._common("customers", number),
            "name": None if firm.chance(4, "stripe no name", number) else party.name[:256],
            "email": party.email,
            "phone": party.phone[:20] if party.phone and firm.chance(50, "stripe phone", number) else None,
            "description": f"Client {number:05d}" if firm.chance(30, "stripe note", number) else None,
            "address": {
                "line1": party.street,
                "line2": None,
                "city": party.city,
                "state": party.state,
                "postal_code": party.postal_code,
                "country": "US",
            }
            if typed_address
            else None,
            "balance": -2500 if firm.chance(3, "stripe credit", number) else 0,
            "currency": self._currency(number) if firm.chance(80, "stripe used", number) else None,
            "default_source": None,
            "delinquent": firm.chance(5, "stripe late", number),
            "discount": None,
            "invoice_prefix": f"{firm.dice('stripe prefix', number) % 0xFFFFFFF:07X}",
            "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None},
            "next_invoice_sequence": 2,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        }

    def _currency(self, customer: int) -> str:
        return self.firm.pick(CURRENCIES, "stripe currency", customer)

    def _customer_of(self, what: str, number: int) -> int:
        return self.firm.dice(f"stripe {what}", number) % self.counts["customers"] + 1

    # Invoices

    def invoice(self, number: int) -> dict:
        firm, made = self.firm, self.made_at("invoices", number)
        customer = self._customer_of("invoice", number)
        currency, status = self._currency(customer), self._invoice_status(number)
        lines = [self._line(number, at, currency) for at in range(self._line_count(number))]
        total = sum(line["amount"] for line in lines)
        paid = total if status == "paid" else 0
        plan = firm.dice("stripe plan", number) % self.counts["subscriptions"] + 1
        from_plan = firm.chance(15, "stripe from plan", number)
        return {
            **self._common("invoices", number),
            **invoice_facts(self.customer(customer), lines),
            "status": status,
            "number": None if status == "draft" else f"ASHBY-{number:05d}",
            "currency": currency,
            "total": total,
            "subtotal": total,
            "amount_due": total,
            "amount_paid": paid,
            "amount_remaining": total - paid,
            "billing_reason": "subscription_cycle" if from_plan else "manual",
            "description": firm.pick(WORK, "stripe memo", number),
            "due_date": made + 30 * DAY_S,
            "period_start": made - 30 * DAY_S,
            "period_end": made,
            "parent": _of_plan(plan) if from_plan else None,
            "hosted_invoice_url": None if status == "draft" else f"https://invoice.stripe.example.com/i/{number}",
            "invoice_pdf": None if status == "draft" else f"https://invoice.stripe.example.com/i/{number}/pdf",
            "status_transitions": _transitions(status, made),
            "_paid_by": number if status == "paid" else None,
        }

    def _invoice_status(self, number: int) -> str:
        if number > self.counts["invoices"] - 12:
            return ("draft", "open", "open", "paid")[number % 4]
        return self.firm.pick(("paid",) * 8 + ("open", "void", "uncollectible"), "stripe invoice", number)

    def _line_count(self, number: int) -> int:
        return 14 if number % 53 == 7 else 1 + number % 3  # more than the ten an invoice shows

    def _line(self, number: int, at: int, currency: str) -> dict:
        made = self.made_at("invoices", number)
        amount = 500 * (1 + self.firm.dice("stripe amount", number * 20 + at) % 900)
        words = self.firm.pick(WORK, "stripe line", number * 20 + at)
        return line_item(id_of("invoices", number), f"il_1Sbx{number:08d}{at:04d}", amount, currency, words, made)

    # Payments and charges: number n of both is one payment and its last try

    def payment(self, number: int) -> dict:
        firm, invoice = self.firm, self.invoice(number)
        pays = invoice["_paid_by"] is not None
        customer = number_of("customers", invoice["customer"]) if pays else self._customer_of("payment", number)
        amount = invoice["total"] if pays else 1000 * (1 + firm.dice("stripe deposit", number) % 200)
        status = "succeeded" if pays else self._payment_status(number)
        done = status == "succeeded"
        return {
            **self._common("payments", number),
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": amount if done else 0,
            "application": None,
            "automatic_payment_methods": {"enabled": True},
            "canceled_at": self.made_at("payments", number) + 3600 if status == "canceled" else None,
            "cancellation_reason": "abandoned" if status == "canceled" else None,
            "capture_method": "automatic",
            "client_secret": f"{id_of('payments', number)}_secret_{firm.dice('stripe secret', number) % 10**12}",
            "confirmation_method": "automatic",
            "currency": invoice["currency"] if pays else self._currency(customer),
            "customer": id_of("customers", customer),
            "description": f"Payment for Invoice {invoice['number']}" if pays else "Retainer deposit",
            "last_payment_error": declined(firm.pick(DECLINED, "stripe declined", number))
            if status == "requires_payment_method"
            else None,
            "latest_charge": id_of("charges", number) if done or status == "requires_payment_method" else None,
            "next_action": None,
            "payment_method": f"pm_1Sbx{number:012d}" if done else None,
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": firm.party(customer).email,
            "setup_future_usage": None,
            "status": status,
            "_invoice": id_of("invoices", number) if pays else None,
        }

    def _payment_status(self, number: int) -> str:
        states = ("succeeded",) * 5 + ("canceled", "requires_payment_method", "requires_action", "processing")
        return self.firm.pick(states, "stripe payment", number)

    def charge(self, number: int) -> dict:
        payment = self.payment(number)
        linked = payment["latest_charge"] is not None
        failed = payment["status"] == "requires_payment_method"
        amount, firm = payment["amount"], self.firm
        back = amount if not failed and firm.chance(2, "stripe refund", number) else 0
        customer = self.customer(number_of("customers", payment["customer"]))
        return {
            **self._common("charges", number),
            **charge_facts(payment, amount, failed=failed),
            "amount_refunded": back,
            "refunded": back > 0,
            "disputed": not failed and firm.chance(1, "stripe dispute", number),
            "payment_intent": payment["id"] if linked else None,  # the others were made before intents were
            "billing_details": {"address": None, "email": customer["email"], "name": customer["name"], "phone": None},
        }

    # Payment plans

    def subscription(self, number: int) -> dict:
        firm, made = self.firm, self.made_at("subscriptions", number)
        customer, status = self._customer_of("plan", number), self.firm.pick(PLAN_STATES, "stripe plan is", number)
        over = status in ("canceled", "incomplete_expired")
        ended = made + 120 * DAY_S if over else None
        begins = (ended or int(firm.last_night_s)) - (firm.dice("stripe begins", number) % 29 + 1) * DAY_S
        currency = self._currency(customer)
        item = _plan_item(number, made, begins, currency)
        return {
            **self._common("subscriptions", number),
            "billing_cycle_anchor": made,
            "cancel_at": None,
            "cancel_at_period_end": not over and number % 9 == 4,
            "canceled_at": ended,
            "collection_method": "charge_automatically",
            "currency": currency,
            "customer": id_of("customers", customer),
            "days_until_due": None,
            "default_payment_method": None,
            "description": "Payment plan" if number % 4 else None,
            "ended_at": ended,
            "items": nested([item], f"/v1/subscription_items?subscription={id_of('subscriptions', number)}"),
            "latest_invoice": None,
            "pause_collection": {"behavior": "void", "resumes_at": None} if number % 17 == 3 and not over else None,
            "start_date": made,
            "status": status,
            "trial_end": int(firm.last_night_s) + 5 * DAY_S if status == "trialing" else None,
            "trial_start": made if status == "trialing" else None,
        }


def _plan_item(number: int, made: int, begins: int, currency: str) -> dict:
    return {
        "id": f"si_1Sbx{number:012d}",
        "object": "subscription_item",
        "created": made,
        "current_period_start": begins,
        "current_period_end": begins + 30 * DAY_S,
        "metadata": {},
        "price": price(5000 * (1 + number % 6), currency),
        "quantity": 1,
        "subscription": id_of("subscriptions", number),
        "tax_rates": [],
    }


def _of_plan(plan: int) -> dict:
    """Where an invoice comes from that nobody wrote."""
    return {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {"metadata": {}, "subscription": id_of("subscriptions", plan)},
    }


def _transitions(status: str, made: int) -> dict:
    """When an invoice came to be what it is."""
    return {
        "finalized_at": None if status == "draft" else made + 60,
        "paid_at": made + PAID_AFTER_S if status == "paid" else None,
        "voided_at": made + DAY_S if status == "void" else None,
        "marked_uncollectible_at": made + 90 * DAY_S if status == "uncollectible" else None,
    }
