"""What Clockify holds: the firm's people and the hours they wrote down."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ..firm import Firm, email_of, utc
from ..names import STAFF

PLACES = {
    "workspaces": 1,
    "users": 2,
    "clients": 3,
    "projects": 4,
    "tasks": 5,
    "tags": 6,
    "custom_fields": 7,
    "time_entries": 8,
}
COUNTS = {
    "workspaces": (1, 1),
    "users": (14, 14),
    "clients": (25, 1_500),
    "projects": (60, 4_000),
    "tasks": (150, 10_000),
    "tags": (10, 10),
    "custom_fields": (4, 4),
    "time_entries": (1_496, 499_996),
}
FORMER_STAFF = (("Gerald", "Pine"), ("Tamsin", "Okafor"))
STATUSES = {10: "LIMITED", 11: "PENDING_EMAIL_VERIFICATION", 12: "NOT_REGISTERED", 13: "DELETED", 14: "DELETED"}
WORKERS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14)  # who writes hours; those who left did so before
TAGS = ("Billable", "Court", "Travel", "Phone", "Research", "Admin", "Überstunden", "会议", "=1+1", "Old tag")
DESCRIPTIONS = (
    "Telephone call with client",
    "Draft complaint",
    "Review discovery",
    "",
    "=2+3",
    "Besprechung mit Mandant 🙂",
    "مراجعة العقد",
    "Court appearance",
    "Travel to courthouse",
    "Research: statute of limitations",
    "x" * 2_900,
)
COLOURS = ("#03A9F4", "#8BC34A", "#F44336", "#795548", "#607D8B")
ZONES = {3: "America/New_York", 6: "Europe/Berlin", 9: "Asia/Kolkata"}
RUNNING = 3  # the youngest entries of the made ones have not been stopped


def id_of(resource: str, number: int) -> str:
    return f"64a{PLACES[resource]:x}3c9e5b1d7f02{number:08x}"


def number_of(resource: str, name) -> int:
    """The number behind an id, 0 for an id that was never given out."""
    if isinstance(name, int):
        return name
    front, back = str(name)[:16], str(name)[16:]
    try:
        return int(back, 16) if front == id_of(resource, 0)[:16] and len(back) == 8 else 0
    except ValueError:
        return 0


def wall_clock(text: str | None, zone: str, default: float) -> float:
    """A bound of a window: what its clock shows, read in the zone of the key's owner. A Z means nothing."""
    if text is None:
        return default
    return datetime.fromisoformat(text.replace(" ", "+")).replace(tzinfo=ZoneInfo(zone)).timestamp()


class ClockifyRecords:
    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.counts = {resource: firm.count(*sizes) for resource, sizes in COUNTS.items()}
        self.workspace_id = id_of("workspaces", 1)

    def workspace(self, number):
        return {
            "id": self.workspace_id,
            "name": self.firm.name,
            "hourlyRate": {"amount": 30_000, "currency": "USD"},
            "costRate": None,
            "imageUrl": "",
            "memberships": [],
            "features": {},
            "currencies": [{"id": id_of("workspaces", 2), "code": "USD", "isDefault": True}],
            "workspaceSettings": {
                "timeRoundingInReports": False,
                "onlyAdminsSeeAllTimeEntries": False,
                "defaultBillableProjects": True,
                "trackTimeDownToSecond": True,
            },
        }

    def user(self, number):
        first, last = STAFF[number - 1][:2] if number <= len(STAFF) else FORMER_STAFF[number - len(STAFF) - 1]
        return {
            "id": id_of("users", number),
            "email": email_of(first, last),
            "name": f"{first} {last}",
            "profilePicture": "",
            "activeWorkspace": self.workspace_id,
            "defaultWorkspace": self.workspace_id,
            "memberships": [],
            "status": STATUSES.get(number, "ACTIVE"),
            "customFields": [],
            "settings": {
                "timeZone": ZONES.get(number, "America/Los_Angeles"),
                "weekStart": "MONDAY",
                "timeFormat": "HOUR12",
                "dateFormat": "MM/DD/YYYY",
                "lang": "EN",
                "theme": "DEFAULT",
            },
        }

    def client(self, number):
        party = self.firm.party(self.firm.client_of(self.matter_of_client(number)))
        return {
            "id": id_of("clients", number),
            "name": f"{party.name} ({number})" if number > 1 else party.name,
            "email": party.email,
            "workspaceId": self.workspace_id,
            "archived": number % 12 == 0,
            "address": party.street,
            "note": None if number % 3 else "Referred by a friend 🙏",
            "ccEmails": [],
            "currencyId": None,
            "currencyCode": "USD",
        }

    def matter_of_client(self, client: int) -> int:
        """The Clio matter a client's first project stands for."""
        return 7 * client

    def project(self, number):
        client = (number - 1) % self.counts["clients"] + 1
        round_ = (number - 1) // self.counts["clients"]
        label = self.firm.matter_label(self.matter_of_client(client))
        return {
            "id": id_of("projects", number),
            "name": label if not round_ else f"{label} part {round_ + 1}",
            "clientId": id_of("clients", client),
            "clientName": self.client(client)["name"],
            "workspaceId": self.workspace_id,
            "archived": number % 9 == 0,
            "billable": number % 10 != 0,
            "public": number % 2 == 0,
            "template": False,
            "color": COLOURS[number % len(COLOURS)],
            "note": self.firm.matter_name(self.matter_of_client(client)),
            "hourlyRate": {"amount": 35_000, "currency": "USD"} if number % 4 == 0 else None,
            "costRate": None,
            "duration": "PT0S",
            "estimate": {"estimate": "PT0S", "type": "AUTO"},
            "timeEstimate": None,
            "budgetEstimate": None,
            "memberships": [],
        }

    def task(self, number):
        project = (number - 1) % self.counts["projects"] + 1
        return {
            "id": id_of("tasks", number),
            "name": ("Discovery", "Pleadings", "Trial")[(number - 1) // self.counts["projects"] % 3],
            "projectId": id_of("projects", project),
            "status": "DONE" if number % 5 == 0 else "ACTIVE",
            "billable": True,
            "assigneeId": None,
            "assigneeIds": [],
            "userGroupIds": [],
            "estimate": "PT0S",
            "duration": "PT0S",
            "budgetEstimate": 0,
            "hourlyRate": None,
            "costRate": None,
        }

    def tag(self, number):
        return {
            "id": id_of("tags", number),
            "name": TAGS[number - 1],
            "workspaceId": self.workspace_id,
            "archived": number == 10,
        }

    def custom_field(self, number):
        name, kind, allowed, entity = (
            ("Matter number", "TXT", [], "TIMEENTRY"),
            ("Activity code", "DROPDOWN_SINGLE", ["A101", "A102"], "TIMEENTRY"),
            ("Court page", "LINK", [], "TIMEENTRY"),
            ("Bar number", "NUMBER", [], "USER"),
        )[number - 1]
        return {
            "id": id_of("custom_fields", number),
            "name": name,
            "type": kind,
            "allowedValues": allowed,
            "entityType": entity,
            "workspaceId": self.workspace_id,
            "status": "VISIBLE",
            "required": False,
            "description": "",
            "placeholder": "",
            "onlyAdminCanEdit": False,
            "projectDefaultValues": [],
            "workspaceDefaultValue": None,
        }

    # Hours

    def worker_of(self, number: int) -> int:
        return WORKERS[number % len(WORKERS)]

    def began_at(self, number: int) -> float:
        """When entry `number` began: higher numbers began later, all between 8:00 and 17:00 in the west."""
        count = self.counts["time_entries"]
        if number > count - RUNNING:
            return self.firm.last_night_s + 600 * (number - count + RUNNING)
        day, rest = divmod(self.firm.made_at(number, count) - 86_400, 86_400)
        return day * 86_400 + 15.5 * 3600 + rest * 9 // 24 // 60 * 60

    def time_entry(self, number):
        firm, is_running = self.firm, number > self.counts["time_entries"] - RUNNING
        length_s = 360 * (1 + firm.dice("entry length", number) % 35)
        project = firm.dice("entry project", number) % self.counts["projects"] + 1 if number % 20 else None
        return self.entry(
            number, self.worker_of(number), self.began_at(number), None if is_running else length_s, project
        )

    def entry(self, number: int, user: int, began_at: float, length_s: int | None, project: int | None) -> dict:
        name = id_of("time_entries", number)
        interval = {
            "start": utc(began_at),
            "end": utc(began_at + length_s) if length_s else None,
            "duration": duration(length_s) if length_s else None,
        }
        value = {
            "customFieldId": id_of("custom_fields", 1),
            "timeEntryId": name,
            "name": "Matter number",
            "type": "TXT",
        }
        matter = self.firm.matter_label(7 * project) if project and project <= self.counts["clients"] else None
        return {
            "id": name,
            "description": self.firm.pick(DESCRIPTIONS, "entry", number),
            "userId": id_of("users", user),
            "workspaceId": self.workspace_id,
            "projectId": id_of("projects", project) if project else None,
            "taskId": id_of("tasks", project) if project and number % 3 == 0 else None,
            "tagIds": [id_of("tags", 1 + number % 9)] if number % 4 == 0 else None,
            "billable": number % 7 != 0,
            "type": "REGULAR" if number % 97 else "HOLIDAY",
            "isLocked": number % 97 == 0,
            "kioskId": None,
            "timeInterval": interval,
            "hourlyRate": {"amount": 30_000, "currency": "USD"},
            "costRate": None,
            "customFieldValues": [{**value, "value": matter}] if matter else [],
        }

    def edge_entries(self) -> list[tuple[float, int]]:
        """Begin and length of entries around the last two clock changes, where hours vanish or come twice."""
        spring, autumn = _last_sunday_rule(self.firm.today, 3, 2), _last_sunday_rule(self.firm.today, 11, 1)
        return [
            (spring + 9.5 * 3600, 3600),
            (spring + 10 * 3600, 1800),
            (autumn + 8.5 * 3600, 1800),
            (autumn + 9.5 * 3600, 1800),
        ]


def duration(length_s: float) -> str:
    """ISO-8601, hours not folded into days: PT25H30M."""
    hours, rest = divmod(int(length_s), 3600)
    minutes, left_s = divmod(rest, 60)
    parts = [f"{amount}{unit}" for amount, unit in ((hours, "H"), (minutes, "M"), (left_s, "S")) if amount]
    return "PT" + ("".join(parts) or "0S")


def _last_sunday_rule(today: date, month: int, nth: int) -> float:
    """Midnight UTC of the nth Sunday of that month, this year or, if that is still to come, last year."""
    for year in (today.year, today.year - 1):
        first = date(year, month, 1)
        sunday = first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))
        if sunday < today:
            return datetime(sunday.year, sunday.month, sunday.day, tzinfo=UTC).timestamp()
    raise AssertionError("last year's clock change is always past")
