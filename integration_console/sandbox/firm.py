"""The firm all stand-ins tell about: the rules that make its people and its matters from a number.

The same number always makes the same person, so Clio's client 12, a lead in HighLevel and a
client in Clockify can be one and the same. Nobody here exists: addresses end in example.com,
.org or .net, and telephone numbers hold 555.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from .names import CITIES, COMPANIES, DESCRIPTIONS, FIRST, LAST, ODD_NAMES, STREETS

CHANGES_WITHIN_S = 30 * 86_400  # a record nobody touches changes last so soon after it was made


@dataclass(frozen=True)
class Party:
    """A person or company the firm deals with."""

    number: int
    first: str | None
    last: str | None
    company: str | None
    email: str | None
    phone: str | None
    street: str
    city: str
    state: str
    postal_code: str
    born: date | None

    @property
    def is_company(self) -> bool:
        return self.first is None

    @property
    def name(self) -> str:
        return self.company or f"{self.first} {self.last}"


class Firm:
    """A law firm of a certain size on a certain day.

    today: everything is dated backwards from here, so that deadlines are always near.
    """

    name = "Ashby & Okoye LLP"
    zone = ZoneInfo("America/Los_Angeles")

    def __init__(self, *, size: str = "small", seed: int = 7, today: date | None = None) -> None:
        if size not in ("small", "large"):
            raise ValueError(f"A firm is small or large, not {size}")
        self.is_large = size == "large"
        self.seed = seed
        self.today = today or datetime.now(UTC).date()
        self.opened_s = datetime(self.today.year - 3, 1, 4, 17, tzinfo=UTC).timestamp()
        self.last_night_s = datetime(self.today.year, self.today.month, self.today.day, tzinfo=UTC).timestamp() - 3600

    def count(self, small: int, large: int) -> int:
        return large if self.is_large else small

    def dice(self, what: str, number: int) -> int:
        """A large number that looks thrown but is always the same for the same question."""
        return mix(number * 0x9E3779B97F4A7C15 + self._salt(what))

    def pick(self, choices, what: str, number: int):
        return choices[self.dice(what, number) % len(choices)]

    def chance(self, percent: int, what: str, number: int) -> bool:
        return self.dice(what, number) % 100 < percent

    def _salt(self, what: str) -> int:
        if what not in self._salts:
            self._salts[what] = mix(int.from_bytes(what.encode()[:16].ljust(16, b"."), "big") ^ self.seed)
        return self._salts[what]

    @cached_property
    def _salts(self) -> dict:
        return {}

    # People

    def party(self, number: int) -> Party:
        """The same person for the same number, as this address book spells it."""
        if number % 41 == 40:
            return self._twin(self._party(number - 37), number)
        return self._party(number)

    def _party(self, number: int) -> Party:
        first, last = self.pick(FIRST, "first", number), self.pick(LAST, "last", number)
        company = None
        if number % 23 == 9:
            first, last = ODD_NAMES[number // 23 % len(ODD_NAMES)]
        elif number % 8 == 5:
            first, last, company = None, None, self.pick(COMPANIES, "company", number).format(last)
        city, state, postal_code = self.pick(CITIES, "city", number)
        return Party(
            number,
            first,
            last,
            company,
            self._email(number, company),
            self._phone(number),
            f"{self.dice('house', number) % 900 + 1} {self.pick(STREETS, 'street', number)}",
            city,
            state,
            postal_code,
            self._born(number) if first else None,
        )

    def _twin(self, party: Party, number: int) -> Party:
        """The same person entered a second time, by somebody in a hurry."""
        email = party.email.upper() if party.email and number % 2 else party.email
        if party.company:
            return replace(party, number=number, company=party.company.upper(), email=email)
        return replace(
            party,
            number=number,
            first=f"{(party.first or '')[:1]}.",
            last=(party.last or "").lower(),
            email=email,
            phone=None,
            born=None,
        )

    def _email(self, number: int, company: str | None) -> str | None:
        if self.chance(9, "no e-mail", number):
            return None
        first, last = self.pick(FIRST, "first", number), self.pick(LAST, "last", number)
        user = "office" if company else f"{first}.{last}".lower().replace("'", "")
        return f"{user}{number}@example.{self.pick(('com', 'org', 'net'), 'host', number)}"

    def _phone(self, number: int) -> str | None:
        area, line = self.pick((510, 503, 775, 408, 509), "area", number), f"{number % 10_000:04d}"
        spelled = (
            f"+1{area}555{line}",
            f"({area}) 555-{line}",
            f"{area}.555.{line}",
            f"+1{area}555{line}",
            f"{area} 555 {line} ext. 12",
            f"+1 {area}-555-{line}",
            f"{area}555{line}",
            f"+1{area}555{line}",
            f"call mornings: {area} 555 {line}",
            None,
        )
        return self.pick(spelled, "phone", number)

    def _born(self, number: int) -> date | None:
        if self.chance(30, "no birthday", number):
            return None
        return date(1935, 1, 1) + timedelta(days=self.dice("born", number) % 25_000)

    # Matters

    def client_of(self, matter: int) -> int:
        """The party a matter is for."""
        return self.dice("client of", matter) % self.count(760, 60_000) + 1

    def matter_name(self, matter: int) -> str:
        last = (self.party(self.client_of(matter)).name.split() or ["?"])[-1]
        return self.pick(DESCRIPTIONS, "description", matter).format(last)

    def matter_label(self, matter: int) -> str:
        return f"{matter:05d}-{(self.party(self.client_of(matter)).name.split() or ['?'])[-1]}"

    # Time

    def made_at(self, number: int, count: int) -> float:
        """When record `number` of `count` was made: records with higher numbers are younger."""
        return self.opened_s + (self.last_night_s - self.opened_s) * number / (count + 1)

    def changed_at(self, what: str, number: int, count: int) -> float:
        made_at = self.made_at(number, count)
        later = self.dice(f"later {what}", number) % CHANGES_WITHIN_S if number % 3 else 0
        return min(made_at + later, self.last_night_s)

    def quiet_below(self, since_s: float, count: int) -> int:
        """The first of `count` records that may have changed since then: all before it are too old."""
        share = (since_s - CHANGES_WITHIN_S - self.opened_s) / (self.last_night_s - self.opened_s)
        return max(1, int(share * (count + 1)))

    def day(self, days: int) -> str:
        """The date so many days from today."""
        return (self.today + timedelta(days=days)).isoformat()

    def local(self, at_s: float) -> str:
        """A time as Clio writes it: with the firm's offset from UTC."""
        return datetime.fromtimestamp(int(at_s), self.zone).isoformat()


def email_of(first: str, last: str) -> str:
    """The office address of somebody who works at the firm."""
    plain = f"{first}.{last}".lower().translate(str.maketrans("éøæ", "eoe"))
    return f"{plain}@ashby-okoye.example.com"


def mix(number: int) -> int:
    """Scramble 64 bits (splitmix64): neighbours in, strangers out."""
    number &= 0xFFFFFFFFFFFFFFFF
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return number ^ (number >> 31)


def utc(at_s: float, *, millis: bool = False) -> str:
    """A time in UTC, ending in Z, as HighLevel (with milliseconds) and Clockify (without) write it."""
    moment = datetime.fromtimestamp(at_s, UTC)
    return moment.isoformat(timespec="milliseconds" if millis else "seconds").replace("+00:00", "Z")


def seconds(text: str) -> float:
    """The unix seconds of an ISO-8601 time; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
