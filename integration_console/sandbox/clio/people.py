"""The people of Clio's account, their custom fields, and how its records hang together."""

from datetime import UTC, datetime

from ..firm import Firm, email_of
from ..names import DESCRIPTIONS, STAFF

COUNTS = {  # resource: (in a small firm, in a large one)
    "users": (12, 12),
    "groups": (4, 4),
    "practice_areas": (12, 12),
    "matter_stages": (24, 24),
    "currencies": (3, 3),
    "custom_fields": (16, 16),
    "activity_descriptions": (18, 18),
    "expense_categories": (8, 8),
    "bank_accounts": (4, 4),
    "contacts": (1_190, 100_000),
    "matters": (900, 40_000),
    "activities": (2_390, 1_000_000),
    "tasks": (380, 20_000),
    "notes": (300, 60_000),
    "bills": (190, 30_000),
    "line_items": (390, 120_000),
    "allocations": (150, 25_000),
    "bank_transactions": (195, 40_000),
    "credit_memos": (12, 600),
    "interest_charges": (20, 1_500),
    "trust_line_items": (60, 5_000),
}
CUSTOM_FIELDS = (  # parent, type, name
    ("Matter", "text_line", "Case number"),
    ("Matter", "date", "Date of loss"),
    ("Matter", "picklist", "Source"),
    ("Matter", "currency", "Policy limit"),
    ("Matter", "numeric", "Passengers"),
    ("Matter", "checkbox", "Conflict checked"),
    ("Matter", "contact", "Adjuster"),
    ("Matter", "matter", "Related matter"),
    ("Matter", "text_area", "Summary"),
    ("Matter", "url", "Court page"),
    ("Matter", "time", "Hearing time"),
    ("Matter", "email", "Court e-mail"),
    ("Contact", "text_line", "HighLevel id"),
    ("Contact", "picklist", "Language"),
    ("Contact", "date", "First call"),
    ("Contact", "text_line", "Old field"),
)
SHOWN_BY_DEFAULT = (1, 5, 13)  # these are in every record, with a null id while they are empty
PICKLISTS = {3: ("Referral", "Web", "Google Ads", "Walk-in"), 14: ("English", "Español", "中文", "العربية")}


class ClioPeople:
    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.counts = {resource: firm.count(*sizes) for resource, sizes in COUNTS.items()}

    def date_of(self, resource: str, number: int) -> str:
        made_at = self.firm.made_at(number, self.counts[resource])
        return datetime.fromtimestamp(made_at, UTC).date().isoformat()

    def area_of(self, matter: int) -> int:
        return self.firm.dice("description", matter) % len(DESCRIPTIONS) + 1

    def user(self, number):
        first, last, subscription = STAFF[number - 1]
        return {
            "id": number,
            "name": f"{first} {last}",
            "first_name": first,
            "last_name": last,
            "email": email_of(first, last),
            "enabled": number not in (10, 12),
            "initials": first[0] + last[0],
            "rate": 475.0 - 25 * number,
            "roles": ["Administrator", "Billing"] if number == 1 else [],
            "subscription_type": subscription,
            "time_zone": "America/Los_Angeles",
            "locale": "en",
            "phone_number": f"+15105550{number:03d}",
            "account_owner": number == 1,
            "clio_connect": False,
            "court_rules_default_attendee": False,
            "default_calendar_id": 5_000 + number,
            "groups": [{"id": 1}],
            "notification_methods": self.methods_of(number),
            "contact": None,
            "account": {"id": 77, "name": Firm.name, "phone": "+15105550100", "country": "US", "state": "CA"},
        }

    def methods_of(self, user: int) -> list:
        """How a user is reminded: in a window of the app, and by e-mail."""
        first, last, _ = STAFF[user - 1]
        return [
            {"id": 9_000 + user, "type": "Popup", "email_address": None},
            {"id": 9_100 + user, "type": "Email", "email_address": email_of(first, last)},
        ]

    def notification_methods(self) -> set:
        return {one["id"] for user in range(1, len(STAFF) + 1) for one in self.methods_of(user)}

    def group(self, number):
        name, kind = (
            ("Everyone", "AccountGroup"),
            ("Litigation", "UserGroup"),
            ("Estates", "UserGroup"),
            ("Intake", "TeamGroup"),
        )[number - 1]
        return {
            "id": number,
            "name": name,
            "type": kind,
            "client_connect_user": False,
            "users": [{"id": user} for user in range(1, 13) if number == 1 or user % 3 == number % 3],
        }

    def assignee(self, user: int) -> dict:
        person = self.user(user)
        return {
            "id": user,
            "type": "User",
            "name": person["name"],
            "identifier": person["email"],
            "secondary_identifier": None,
            "enabled": person["enabled"],
            "initials": person["initials"],
        }

    def contact(self, number):
        party = self.firm.party(number)
        emails, phones = self.ways_to_reach(number, party)
        address, employer = self.address_of(number, party), self.employer_of(number, party)
        return {
            "id": number,
            "type": "Company" if party.is_company else "Person",
            "name": party.name,
            "first_name": party.first,
            "middle_name": None,
            "last_name": party.last,
            "prefix": None,
            "title": None,
            "initials": party.name.strip()[:1],
            "is_client": number <= self.firm.count(760, 60_000),
            "date_of_birth": party.born.isoformat() if party.born else None,
            "primary_email_address": party.email,
            "secondary_email_address": emails[1]["address"] if emails[1:] else None,
            "primary_phone_number": party.phone,
            "secondary_phone_number": None,
            "is_bill_recipient": False,
            "is_co_counsel": False,
            "is_clio_for_client_user": False,
            "clio_connect_email": None,
            "ledes_client_id": None,
            "sales_tax_number": None,
            "currency": {"id": 1},
            "company": {"id": employer} if employer else None,
            "email_addresses": emails,
            "phone_numbers": phones,
            "addresses": [address] if address else [],
            "primary_address": address,
            "web_sites": [],
            "account_balances": [],
            "custom_field_values": self.values_of("Contact", number),
        }

    def address_of(self, number: int, party) -> dict | None:
        """Where two of three live."""
        if not number % 3:
            return None
        return {
            "id": number,
            "name": "Home",
            "street": party.street,
            "city": party.city,
            "country": "US",
            "province": party.state,
            "postal_code": party.postal_code,
            "primary": True,
        }

    def employer_of(self, number: int, party) -> int | None:
        """A person works for the company that comes before them."""
        before = self.firm.party(max(number - 1, 1))
        return before.number if before.is_company and not party.is_company else None

    def ways_to_reach(self, number: int, party) -> tuple[list, list]:
        emails, phones = [], []
        if party.email:
            emails.append({"id": 2 * number, "name": "Work", "address": party.email, "primary": True})
        if party.email and number % 29 == 0:
            emails.append({"id": 2 * number + 1, "name": "Home", "address": f"old.{party.email}", "primary": False})
        if party.phone:
            phones.append({"id": number, "name": "Mobile", "number": party.phone, "primary": True})
        return emails, phones

    def custom_field(self, number):
        parent, kind, name = CUSTOM_FIELDS[number - 1]
        options = [
            {"id": number * 10 + place, "option": option, "deleted_at": None}
            for place, option in enumerate(PICKLISTS.get(number, ()), start=1)
        ]
        return {
            "id": number,
            "name": name,
            "parent_type": parent,
            "field_type": kind,
            "displayed": self.is_shown(number),
            "required": number == 1,
            "deleted": number == 16,
            "display_order": number,
            "picklist_options": options,
        }

    def values_of(self, parent: str, number: int) -> list:
        """The filled custom fields of one matter or contact, never the same few, and those that are shown empty."""
        values = []
        for field, (owner, _, name) in enumerate(CUSTOM_FIELDS, start=1):
            if owner == parent and name != "Old field" and self.firm.chance(30, f"field {field}", number):
                values.append(self.value(field, number))
            elif owner == parent and self.is_shown(field):
                values.append(self.empty_value(field))
        return values

    def is_shown(self, field: int) -> bool:
        """Whether a custom field is displayed by default, so that it is there even while it is empty."""
        return field in SHOWN_BY_DEFAULT

    def shown_empty(self, record: dict) -> list:
        """The custom values of a new record."""
        parent = "Contact" if "first_name" in record else "Matter"
        return [self.empty_value(field) for field in SHOWN_BY_DEFAULT if CUSTOM_FIELDS[field - 1][0] == parent]

    def empty_value(self, field: int) -> dict:
        _, kind, name = CUSTOM_FIELDS[field - 1]
        return {
            "id": None,
            "field_name": name,
            "field_type": kind,
            "field_required": field == 1,
            "field_displayed": True,
            "field_display_order": field,
            "soft_deleted": False,
            "value": None,
            "custom_field": {"id": field},
            "picklist_option": None,
            "contact": None,
            "matter": None,
        }

    def value(self, field: int, number: int, value=None) -> dict:
        _, kind, _ = CUSTOM_FIELDS[field - 1]
        value = self.invented_value(field, kind, number) if value is None else value
        told = {
            **self.empty_value(field),
            "id": f"{kind}-{field * 10_000_000 + number}",
            "field_displayed": self.is_shown(field),
            "value": value,
        }
        if kind == "picklist":
            option = int(value) - field * 10
            told["picklist_option"] = {"id": int(value), "option": PICKLISTS[field][option - 1]}
        elif kind in ("contact", "matter"):
            told[kind] = {"id": int(value)}
        return told

    def invented_value(self, field: int, kind: str, number: int):
        dice = self.firm.dice(f"value {field}", number)
        return {
            "text_line": f"24-CV-{dice % 90_000:05d}" if field == 1 else f"hl-{dice % 10**9:09d}",
            "date": self.firm.day(-(dice % 900)),
            "picklist": field * 10 + 1 + dice % 4,
            "currency": dice % 10**8 / 100,
            "numeric": dice % 6,
            "checkbox": bool(dice % 2),
            "contact": dice % 700 + 1,
            "matter": dice % 800 + 1,
            "text_area": "First line\nSecond line\n" + "more " * (dice % 40),
            "url": f"https://courts.example.org/{dice % 999}",
            "time": f"{8 + dice % 9:02d}:{dice % 60:02d}",
            "email": f"dept{dice % 9}@courts.example.org",
        }[kind]

    # Which bill a line stands on, and whose it is

    def bill_of_line(self, line: int) -> int:
        return (line - 1) * self.counts["bills"] // self.counts["line_items"] + 1

    def lines_of_bill(self, bill: int) -> range:
        lines, bills = self.counts["line_items"], self.counts["bills"]
        return range(-(-(bill - 1) * lines // bills) + 1, -(-bill * lines // bills) + 1)

    def matter_of_bill(self, bill: int) -> int:
        return self.firm.dice("bill of", bill) % self.counts["matters"] + 1
