"""What HighLevel holds for the firm: its clients, those who asked but never came, the sales pipeline."""

from uuid import UUID

from ..firm import Firm, email_of, mix, utc
from ..names import STAFF

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SPACE = 62**10
STEP = 600_851_475_143  # shares no factor with 62, so that every number has its own id
KINDS = {
    "contacts": "ocQHyuzHvy",
    "opportunities": "yWQobCRIhR",
    "notes": "NuTuxP3ald",
    "tasks": "TkR4vWb0zE",
    "users": "082goXVW3l",
    "tags": "TgD0m8qKpA",
    "custom_fields": "3sv6UEo51C",
    "pipelines": "VDm7RPYC2G",
    "calendars": "CVokAlI8fg",
    "locations": "ve9EPM428h",
}
COUNTS = {
    "contacts": (500, 50_000),
    "opportunities": (220, 20_000),
    "notes": (150, 15_000),
    "tasks": (120, 10_000),
    "users": (8, 8),
    "tags": (12, 12),
    "custom_fields": (10, 10),
    "pipelines": (2, 2),
    "calendars": (2, 2),
    "locations": (1, 1),
}
STAGES = (("New lead", "Contacted", "Consultation booked", "Retained"), ("Referral in", "Conflict check", "Engaged"))
TAGS = (
    "client",
    "lead",
    "personal injury",
    "landlord and tenant",
    "do not call",
    "español",
    "vip",
    "webinar",
    "=cmd|' /C calc'!A0",
    "قضية",
    "newsletter",
    "referral",
)
CUSTOM_FIELDS = (
    ("Case type", "SINGLE_OPTIONS"),
    ("Date of accident", "DATE"),
    ("Policy limit", "MONETORY"),
    ("Injuries", "MULTIPLE_OPTIONS"),
    ("Describe what happened", "LARGE_TEXT"),
    ("Passengers", "NUMERICAL"),
    ("Consent", "CHECKBOX"),
    ("Second phone", "PHONE"),
    ("Clio matter", "TEXT"),
    ("Police report", "FILE_UPLOAD"),
)
OPTIONS = {1: ("Auto", "Slip and fall", "Eviction", "Other"), 4: ("Neck", "Back", "Head"), 7: ("I agree",)}
LEADS_FROM = 5_000_000  # people beyond this number are known to HighLevel only


def id_of(resource: str, number: int) -> str:
    rest, letters = number * STEP % SPACE, ""
    for _ in range(10):
        rest, place = divmod(rest, 62)
        letters = LETTERS[place] + letters
    return KINDS[resource] + letters


def number_of(resource: str, name) -> int:
    """The number behind an id, 0 for an id that was never given out."""
    if isinstance(name, int):
        return name
    letters = str(name).removeprefix(KINDS[resource])
    if len(letters) != 10 or any(letter not in LETTERS for letter in letters):
        return 0
    scrambled = 0
    for letter in letters:
        scrambled = scrambled * 62 + LETTERS.index(letter)
    return scrambled * pow(STEP, -1, SPACE) % SPACE


def stage_id(pipeline: int, stage: int) -> str:
    return str(UUID(int=mix(pipeline * 100 + stage) << 64 | mix(stage * 7 + pipeline), version=4))


def e164(phone: str | None) -> str | None:
    digits = "".join(letter for letter in (phone or "").partition(" ext")[0] if letter.isdigit())
    return f"+1{digits[-10:]}" if len(digits) >= 10 else None


class GhlRecords:
    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.counts = {resource: firm.count(*sizes) for resource, sizes in COUNTS.items()}
        self.location_id, self.company_id = id_of("locations", 1), "5DP41231LkQsiKESj6rh"

    def contact(self, number):
        firm = self.firm
        is_client = number <= self.counts["contacts"] * 3 // 5
        party = firm.party(number if is_client else LEADS_FROM + number)
        made_at = firm.made_at(number, self.counts["contacts"])
        return {
            "id": id_of("contacts", number),
            "locationId": self.location_id,
            "firstName": party.first,
            "lastName": party.last,
            "name": None if party.is_company else party.name,
            "companyName": party.company,
            "email": party.email.lower() if party.email else None,
            "phone": e164(party.phone),
            "type": "customer" if is_client else "lead",
            "address1": party.street if number % 2 else None,
            "city": party.city,
            "state": party.state,
            "postalCode": party.postal_code,
            "country": "US",
            "website": None,
            "timezone": "America/Los_Angeles" if number % 5 else None,
            "dateOfBirth": f"{party.born}T00:00:00.000Z" if party.born and number % 4 == 0 else None,
            "source": firm.pick(("Website", "Referral", "Facebook", None), "source", number),
            "assignedTo": id_of("users", 1 + number % 8) if number % 3 else None,
            "businessId": None,
            "tags": self.tags_of(number),
            "dnd": number % 33 == 0,
            "customFields": self.values_of(number),
            "additionalEmails": [],
            "additionalPhones": [],
            "followers": [],
            "dateAdded": utc(made_at, millis=True),
        }

    def tags_of(self, number: int) -> list:
        return [tag for place, tag in enumerate(TAGS) if self.firm.dice(f"tag {place}", number) % 9 == 0]

    def values_of(self, number: int) -> list:
        dice, found = self.firm.dice("values", number), []
        values = {
            1: OPTIONS[1][dice % 4],
            2: self.firm.day(-(dice % 700)),
            3: dice % 10**6 / 4,
            4: list(OPTIONS[4][: dice % 3]),
            5: "I was at the light and\nthen… 🚗💥",
            6: dice % 5,
            7: ["I agree"],
            8: f"+1510555{number % 10_000:04d}",
            9: f"{dice % 900:05d}",
            10: {f"{mix(number):016x}": {"url": "https://files.example.com/r", "meta": {"size": 1}}},
        }
        for place, value in values.items():
            if self.firm.chance(25, f"ghl field {place}", number):
                found.append({"id": id_of("custom_fields", place), "value": value})
        return found

    def opportunity(self, number):
        firm = self.firm
        pipeline = 1 + number % 5 // 4
        stage = firm.dice("ghl stage", number) % len(STAGES[pipeline - 1])
        contact = firm.dice("opportunity of", number) % self.counts["contacts"] + 1
        made = utc(firm.made_at(number, self.counts["opportunities"]), millis=True)
        return {
            "id": id_of("opportunities", number),
            "name": f"{self.contact(contact)['name'] or 'Company'}: new matter",
            "monetaryValue": firm.dice("worth", number) % 40_000 if number % 6 else None,
            "status": firm.pick(("open", "open", "won", "lost", "abandoned"), "ghl status", number),
            "source": None,
            "pipelineId": id_of("pipelines", pipeline),
            "pipelineStageId": stage_id(pipeline, stage),
            "assignedTo": id_of("users", 1 + number % 8) if number % 4 else None,
            "contactId": id_of("contacts", contact),
            "locationId": self.location_id,
            "lostReasonId": None,
            "lastStatusChangeAt": made,
            "lastStageChangeAt": made,
            "lastActionDate": None,
            "createdAt": made,
            "customFields": [],
            "followers": [],
        }

    def note(self, number):
        body = ("Called, left voicemail.", "<p>Wants a <b>quote</b></p>", "🎉 signed!", "اتصل مساءً", "x" * 4_000)[
            number % 5
        ]
        return {
            "id": id_of("notes", number),
            "body": body,
            "bodyText": body,
            "userId": id_of("users", 1 + number % 8),
            "contactId": id_of("contacts", self.contact_of("note", number)),
            "title": None,
            "pinned": number % 20 == 0,
            "dateAdded": utc(self.firm.made_at(number, self.counts["notes"]), millis=True),
        }

    def task(self, number):
        return {
            "id": id_of("tasks", number),
            "title": ("Call back", "Send engagement letter", "Ask for records")[number % 3],
            "body": None if number % 2 else "Before noon",
            "assignedTo": id_of("users", 1 + number % 8),
            "dueDate": f"{self.firm.day(number % 40 - 15)}T17:00:00.000Z",
            "completed": number % 3 == 0,
            "contactId": id_of("contacts", self.contact_of("task", number)),
        }

    def contact_of(self, what: str, number: int) -> int:
        return self.firm.dice(f"ghl {what} on", number) % self.counts["contacts"] + 1

    def user(self, number):
        first, last, _ = STAFF[number - 1]
        return {
            "id": id_of("users", number),
            "name": f"{first} {last}",
            "firstName": first,
            "lastName": last,
            "email": email_of(first, last),
            "phone": f"+15105550{number:03d}",
            "extension": "",
            "deleted": False,
            "permissions": {"contactsEnabled": True},
            "roles": {
                "type": "account",
                "role": "admin" if number == 1 else "user",
                "locationIds": [self.location_id],
                "restrictSubAccount": False,
            },
        }

    def pipeline(self, number):
        stages = [
            {
                "id": stage_id(number, place),
                "name": name,
                "position": place,
                "showInFunnel": True,
                "showInPieChart": True,
            }
            for place, name in enumerate(STAGES[number - 1])
        ]
        return {
            "id": id_of("pipelines", number),
            "name": ("Intake", "Referrals")[number - 1],
            "stages": stages,
            "showInFunnel": True,
            "showInPieChart": True,
            "locationId": self.location_id,
        }

    def custom_field(self, number):
        name, kind = CUSTOM_FIELDS[number - 1]
        key = name.lower().replace(" ", "_")
        told = {
            "id": id_of("custom_fields", number),
            "name": name,
            "fieldKey": f"contact.{key}",
            "dataType": kind,
            "position": number * 50,
            "placeholder": "",
            "model": "contact",
            "locationId": self.location_id,
        }
        return {**told, "picklistOptions": list(OPTIONS[number])} if number in OPTIONS else told

    def tag(self, number):
        return {"id": id_of("tags", number), "name": TAGS[number - 1], "locationId": self.location_id}

    def calendar(self, number):
        return {
            "id": id_of("calendars", number),
            "locationId": self.location_id,
            "isActive": True,
            "slotDuration": 30,
            "name": ("Free consultation", "Signing appointment")[number - 1],
            "calendarType": "round_robin",
            "slotDurationUnit": "mins",
            "slug": f"calendar-{number}",
            "teamMembers": [{"userId": id_of("users", number)}],
        }

    def location(self, number):
        return {
            "id": self.location_id,
            "companyId": self.company_id,
            "name": self.firm.name,
            "city": "Oakland",
            "state": "CA",
            "country": "US",
            "postalCode": "94607",
            "timezone": "America/Los_Angeles",
            "phone": "+15105550100",
            "email": "office@ashby-okoye.example.com",
            "website": "https://ashby-okoye.example.com",
            "settings": {"allowDuplicateContact": False, "allowDuplicateOpportunity": False},
        }
