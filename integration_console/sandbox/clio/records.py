"""What Clio holds: each function makes one record of one resource from its number.

A record carries every field we model, empty ones as None, because Clio answers a field that was
asked for even when it is empty. `{"id": n}` points at a record of another resource.
"""

from .people import ClioPeople

PRACTICE_AREAS = (
    ("Personal Injury", "PI", "personal_injury"),
    ("Landlord and Tenant", "LT", "real_estate"),
    ("Family", "FAM", "family"),
    ("Wills and Estates", "WE", "wills_and_estates"),
    ("Immigration", "IMM", "immigration"),
    ("Employment", "EMP", "employment_and_labor"),
    ("Business", "BUS", "business_formation_and_compliance"),
    ("Bankruptcy", "BK", "bankruptcy"),
    ("Real Estate", "RE", "real_estate"),
    ("Criminal", "CR", "criminal"),
    ("Workers' Compensation", "WC", "workers_compensation"),
    ("Intellectual Property", "IP", "intellectual_property"),
)
STAGES = ("Intake", "Active")
LIMITATION_EVERY = 15  # one matter in so many has a limitation date
# Days from today: limitation dates crowd around now, where a mistake costs most.
LIMITATION_DAYS = (0, 1, 6, 29, -1, 30, 31, 89, 90, 14, -12, 60, 120, 7, 365, 2, 700, 45)
NOTES = (
    "Telephone call with client.",
    "Drafted and revised motion to compel.",
    "Reviewed discovery 📎 and made notes.",
    "=SUM(A1:A9)",
    "<p>Prepared <b>settlement</b> brochure &amp; sent</p>",
    "مكالمة هاتفية مع الموكل",
    "与客户通电话。",
    "Court appearance; waited 40 min.",
    "",
    None,
)
CHORES = ("Call client", "File answer", "Draft letter", "Check service", "Order records ✅")
DETAILS = (
    "Client prefers e-mail. 😀",
    "<p>Spoke to <i>adjuster</i>.<br>Offer: $12,500</p><script>alert(1)</script>",
    "Long intake call. " * 180,
    "اتصل بالموكل غدًا",
    "\u202ereversed\u202c and zero\u200bwidth",
    "-2+3",
)


class ClioRecords(ClioPeople):
    def practice_area(self, number):
        name, code, category = PRACTICE_AREAS[number - 1]
        return {"id": number, "name": name, "code": code, "category": category}

    def matter_stage(self, number):
        area, stage = divmod(number - 1, len(STAGES))
        return {"id": number, "name": STAGES[stage], "order": stage, "practice_area_id": str(area + 1)}

    def matter(self, number):
        firm = self.firm
        client, area = firm.client_of(number), self.area_of(number)
        status = firm.pick(("Open", "Closed", "Open", "Pending", "Open", "Closed", "Open"), "status", number)
        opened = self.date_of("matters", number)
        limitation, rest = divmod(number, LIMITATION_EVERY)
        stage = (area - 1) * len(STAGES) + firm.dice("stage", number) % len(STAGES) + 1
        return {
            "id": number,
            "number": number,
            "display_number": firm.matter_label(number),
            "custom_number": f"C-{number}" if number % 10 == 0 else None,
            "description": firm.matter_name(number),
            "status": status,
            "open_date": opened,
            "close_date": opened if status == "Closed" else None,
            "pending_date": opened if status == "Pending" else None,
            "location": "Oakland" if number % 4 else None,
            "billable": number % 19 != 0,
            "client_reference": None,
            "client_id": client,
            "billing_method": ("contingency", "hourly", "flat")[0 if area == 1 else 1 + number % 5 // 4],
            "has_tasks": not rest,
            "shared": False,
            "require_utbms_codes": False,
            "last_activity_date": None,
            "maildrop_address": None,
            "matter_stage_updated_at": None,
            "currency": {"id": 1},
            "client": {"id": client},
            "practice_area": {"id": area},
            "matter_stage": {"id": stage},
            "responsible_attorney": {"id": 1 + firm.dice("lead", number) % 5},
            "originating_attorney": {"id": 1 + firm.dice("origin", number) % 5} if number % 6 else None,
            "responsible_staff": {"id": 6 + number % 4} if number % 2 else None,
            "user": {"id": 1},
            "group": None,
            "statute_of_limitations": {"id": limitation} if not rest else None,
            "custom_field_values": self.values_of("Matter", number),
            "account_balances": [],
            "relationships": [],
        }

    def task(self, number):
        firm = self.firm
        is_limitation = number <= self.counts["matters"] // LIMITATION_EVERY
        matter = firm.dice("task of", number) % self.counts["matters"] + 1
        status = ("pending", "in_progress", "complete", "pending", "in_review")[firm.dice("task", number) % 5]
        if is_limitation:
            matter = number * LIMITATION_EVERY
            status = "complete" if number % 12 == 11 else "pending"
            days = LIMITATION_DAYS[number % len(LIMITATION_DAYS)]
        else:
            days = firm.dice("due", number) % 120 - 60
        name = "Statute of limitations" if is_limitation else firm.pick(CHORES, "chore", number)
        return {
            "id": number,
            "name": name,
            "description": "" if number % 3 else "See file.",
            "status": status,
            "description_text_type": "plain_text",
            "priority": ("Normal", "High", "Low")[number % 3],
            "due_at": firm.day(days) if number % 17 else None,
            "permission": "public",
            "completed_at": firm.local(firm.last_night_s) if status == "complete" else None,
            "notify_completion": False,
            "statute_of_limitations": is_limitation,
            "time_entries_count": 0,
            "time_estimated": None,
            "assignee": self.assignee(1 + number % 9),
            "assigner": {"id": 1},
            "matter": {"id": matter},
            "task_type": None,
            "reminders": [],
        }

    def note(self, number):
        is_matter = number % 5 < 3
        on, count = ("matter", self.counts["matters"]) if is_matter else ("contact", self.counts["contacts"])
        on_id = {"id": self.firm.dice("note on", number) % count + 1}
        return {
            "id": number,
            "type": "Matter" if is_matter else "Contact",
            "subject": f"Note {number}",
            "detail": DETAILS[number % len(DETAILS)],
            "detail_text_type": "rich_text" if number % len(DETAILS) == 1 else "plain_text",
            "date": self.date_of("notes", number),
            "time_entries_count": 0,
            "author": {"id": 1 + number % 9},
            "matter": on_id if on == "matter" else None,
            "contact": on_id if on == "contact" else None,
        }

    def activity(self, number):
        firm = self.firm
        roll = firm.dice("activity", number) % 20
        kind = {0: "ExpenseEntry", 1: "HardCostEntry", 2: "SoftCostEntry"}.get(roll, "TimeEntry")
        is_time = kind == "TimeEntry"
        user = 1 + firm.dice("worker", number) % 9
        quantity = 360.0 * (1 + firm.dice("length", number) % 60) if is_time else 1.0 + number % 3
        hours = round(quantity / 3600, 2) if is_time else quantity
        price = float(self.user(user)["rate"]) if is_time else (5 + firm.dice("cost", number) % 40_000) / 100
        billed = number <= self.counts["activities"] * 2 // 5
        free = not billed and number % 13 == 0
        return {
            "id": number,
            "type": kind,
            "date": self.date_of("activities", number),
            "quantity": quantity,
            "quantity_in_hours": hours,
            "rounded_quantity": quantity,
            "rounded_quantity_in_hours": hours,
            "quantity_redacted": False,
            "price": price,
            "total": 0.0 if free else round(hours * price, 2),
            "note": firm.pick(NOTES, "activity note", number),
            "reference": None,
            "billed": billed,
            "on_bill": billed,
            "non_billable": free,
            "non_billable_total": round(hours * price, 2) if free else 0.0,
            "no_charge": False,
            "flat_rate": False,
            "contingency_fee": False,
            "currency": {"id": 1},
            "matter": {"id": self.matter_of_activity(number)} if number % 50 else None,
            "user": {"id": user},
            "activity_description": {"id": 1 + number % 18} if is_time and number % 4 else None,
            "expense_category": None if is_time else {"id": 1 + number % 8},
            "vendor": None,
            "bill": {"id": self.bill_of_line(number)} if number <= self.counts["line_items"] else None,
            "timer": None,
        }

    def matter_of_activity(self, number: int) -> int:
        if number <= self.counts["line_items"]:  # these stand on a bill, so they share its matter
            return self.matter_of_bill(self.bill_of_line(number))
        return self.firm.dice("matter of", number) % self.counts["matters"] + 1
