"""The money side of Clio's account: bills, their lines, payments, trust, and what things cost."""

from .records import ClioRecords

CURRENCIES = (("USD", "$"), ("CAD", "CA$"), ("EUR", "€"))
WORK = (
    "Telephone call",
    "Drafting",
    "Court appearance",
    "Review",
    "Research",
    "Travel",
    "Meeting",
    "Correspondence",
    "Deposition",
)
COSTS = ("Filing fee", "Copies", "Courier", "Expert witness", "Mileage", "Court reporter", "Postage", "Translation")


class ClioMoney(ClioRecords):
    def currency(self, number):
        code, sign = CURRENCIES[number - 1]
        return {"id": number, "code": code, "sign": sign}

    def activity_description(self, number):
        name = WORK[(number - 1) % len(WORK)]
        rate = {"type": "FlatRate", "amount": 150.0} if number % 9 == 0 else None
        return {
            "id": number,
            "name": name if number <= 9 else f"{name} (flat)",
            "type": "User",
            "default": number == 1,
            "category_type": None,
            "accessible_to_user": True,
            "visible_to_co_counsel": False,
            "description": None,
            "currency": {"id": 1},
            "rate": rate,
            "groups": [],
        }

    def expense_category(self, number):
        return {
            "id": number,
            "name": COSTS[number - 1],
            "entry_type": "hard_cost" if number % 2 else "soft_cost",
            "rate": 25 * number,
            "description": None,
            "accessible_to_user": True,
            "currency": {"id": 1},
            "groups": [],
        }

    def bank_account(self, number):
        kind = "Trust" if number % 2 == 0 else "Operating"
        return {
            "id": number,
            "name": f"{kind} account {number}",
            "type": kind,
            "account_number": f"000555{number:04d}",
            "balance": 12_500.25 * number,
            "currency": "USD",
            "currency_id": 1,
            "currency_symbol": "$",
            "default_account": number == 1,
            "institution": "First Example Bank",
            "holder": self.firm.name,
            "transit_number": None,
            "swift": None,
            "domicile_branch": None,
            "general_ledger_number": None,
            "bank_transactions_count": 40,
            "controlled_account": False,
            "clio_payments_enabled": False,
            "user": {"id": 1},
        }

    def line_item(self, number):
        activity = self.activity(number)
        total = activity["total"]
        return {
            "id": number,
            "type": "ActivityLineItem",
            "kind": "Service" if activity["type"] == "TimeEntry" else "Expense",
            "date": activity["date"],
            "description": activity["note"] or "Work",
            "note": activity["note"],
            "price": activity["price"],
            "quantity": activity["quantity_in_hours"],
            "sub_total": total,
            "tax": 0.0,
            "secondary_tax": 0.0,
            "taxable": False,
            "secondary_taxable": False,
            "total": total,
            "group_ordering": None,
            "activity": {"id": number},
            "bill": {"id": self.bill_of_line(number)},
            "matter": {"id": self.matter_of_activity(number)},
            "user": activity["user"],
        }

    def bill(self, number):
        total = round(sum(self.line_item(line)["total"] for line in self.lines_of_bill(number)), 2)
        state = self.state_of_bill(number)
        paid = self.paid_on_bill(number, total)
        matter = self.matter_of_bill(number)
        is_out = state in ("paid", "awaiting_payment", "void")
        return {
            "id": number,
            "number": f"B-{number:05d}",
            "subject": None,
            "memo": None,
            "purchase_order": None,
            "state": state,
            "type": "MatterBill",
            "kind": "revenue_kind",
            "total": total,
            "sub_total": total,
            "services_sub_total": total,
            "total_tax": 0.0,
            "tax_sum": 0.0,
            "tax_rate": 0.0,
            "secondary_tax_sum": 0.0,
            "taxable_sub_total": 0,
            "paid": paid,
            "due": round(total - paid, 2),
            "balance": round(total - paid, 2),
            "pending": 0.0,
            "credits_issued": 0.0,
            "issued_at": self.date_of("bills", number) if is_out else None,
            "due_at": self.firm.day(20 - number % 60) if is_out else None,
            "last_sent_at": None,
            "shared": is_out,
            "paid_at": f"{self.date_of('bills', number)}T12:00:00-08:00" if state == "paid" else None,
            "start_at": None,
            "end_at": None,
            "can_update": state == "draft",
            "available_state_transitions": [],
            "currency": {"id": 1},
            "client": {"id": self.firm.client_of(matter)},
            "matters": [{"id": matter}],
            "user": {"id": 1},
            "group": None,
            "discount": None,
            "interest": None,
            "original_bill": None,
        }

    def state_of_bill(self, number: int) -> str:
        if number <= self.counts["allocations"]:
            return "paid" if number % 15 else "awaiting_payment"
        return ("draft", "awaiting_approval", "awaiting_payment", "void")[number % 4]

    def paid_on_bill(self, number: int, total: float) -> float:
        if number > self.counts["allocations"]:
            return 0.0
        return total if number % 15 else round(total / 2, 2)

    def allocation(self, number):
        bill = self.bill(number)
        return {
            "id": number,
            "amount": bill["paid"],
            "date": bill["issued_at"],
            "description": None,
            "interest": False,
            "payment_type": "check" if number % 2 else "wire",
            "voided_at": None,
            "destroyable": True,
            "has_online_payment": False,
            "bill": {"id": number},
            "matter": bill["matters"][0],
            "contact": bill["client"],
            "source_bank_account": None,
            "destination_bank_account": {"id": 1},
            "parent": {
                "id": 70_000 + number,
                "type": "Payment",
                "identifier": f"Payment {number}",
                "secondary_identifier": None,
                "tertiary_identifier": None,
            },
        }

    def bank_transaction(self, number):
        has_bill = number <= self.counts["allocations"]
        amount = self.bill(number)["paid"] if has_bill else 250.0 + number
        matter = self.matter_of_bill(number) if has_bill else number
        return {
            "id": number,
            "amount": amount,
            "funds_in": amount,
            "funds_out": 0.0,
            "date": self.date_of("bank_transactions", number),
            "description": "Payment received" if has_bill else "Retainer ✓",
            "type": "BillPayment" if has_bill else "Deposit",
            "transaction_type": "Deposit",
            "source": "Client",
            "payer_payee": None,
            "confirmation": None,
            "read_only_confirmation": False,
            "clio_payments_transaction": False,
            "currency": "USD",
            "currency_id": 1,
            "exchange_rate": 1.0,
            "current_account_balance": 1_000.0 + amount,
            "bank_account_id": 1 if has_bill else 2,
            "bank_account": {"id": 1 if has_bill else 2},
            "bill": {"id": number} if has_bill else None,
            "allocation": {"id": number} if has_bill else None,
            "matter": {"id": matter},
            "client": {"id": self.firm.client_of(matter)},
        }

    def credit_memo(self, number):
        return {
            "id": number,
            "amount": 50.0 * number,
            "date": self.date_of("credit_memos", number),
            "discount": False,
            "description": "Goodwill",
            "voided_at": None,
            "contact": {"id": number},
            "user": {"id": 1},
            "allocations": [],
        }

    def interest_charge(self, number):
        return {
            "id": number,
            "total": 3.5 * number,
            "date": self.date_of("interest_charges", number),
            "description": "Interest",
            "bill": {"id": number},
            "matters": [{"id": self.matter_of_bill(number)}],
            "balances": [],
        }

    def trust_line_item(self, number):
        matter = self.matter_of_bill(number)
        return {
            "id": number,
            "total": 500.0 + number,
            "date": self.date_of("trust_line_items", number),
            "note": "Trust request",
            "bill": {"id": number},
            "matter": {"id": matter},
            "client": {"id": self.firm.client_of(matter)},
        }
