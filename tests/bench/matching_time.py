"""10,000 contacts against 10,000: how long matching takes and how much memory, in a process of its own.

    python -m tests.bench.matching_time

Seven in ten are on both sides, written differently there; the rest are on one side only. Prints one line of JSON.
"""

from __future__ import annotations

import json
import random
from collections import Counter

from integration_console.sync.matching.matching import Candidate, Matcher

from .contenders import measured

KEYS = [
    {"by": "field", "left": "custom:12", "right": "id"},
    {"by": "email", "left": "email,additionalEmails", "right": "email,other_emails"},
    {"by": "phone", "left": "phone", "right": "phone"},
    {"by": "name", "left": "firstName,lastName", "right": "first_name,last_name",
     "with": [["phone", "phone"], ["address1", "address.street"]]},
]  # fmt: skip
FIRST = ("Ada", "Grace", "José", "Zoë", "Mary-Ann", "Dr. John", "Иван", "Ольга", "太郎", "Chloé", "Ana María", "Noah")
LAST = ("Lovelace", "Hopper", "Núñez", "O’Brien", "van der Berg", "Smith", "Петров", "山田", "Øster", "García López")


def people(count: int) -> list[dict]:
    dice = random.Random(17)
    return [
        {
            "first": dice.choice(FIRST),
            "last": dice.choice(LAST) + dice.choice("aeiou") * dice.randrange(2),
            "email": f"person{n}@firm{n % 40}.example" if dice.random() < 0.8 else None,
            "phone": f"415{2000000 + n}" if dice.random() < 0.8 else None,
            "street": f"{n} {dice.choice(('Main', 'Oak', 'Harbour'))} Street",
        }
        for n in range(count)
    ]


def left(n: int, who: dict) -> Candidate:
    plain = {
        "firstName": who["first"], "lastName": who["last"].upper(), "email": who["email"] and who["email"].upper(),
        "phone": who["phone"] and "+1" + who["phone"], "address1": who["street"].replace("Street", "St."),
    }  # fmt: skip
    return Candidate(n, f"ghl{n}", plain | ({"custom:12": str(n)} if n % 10 == 0 else {}))


def right(n: int, who: dict) -> Candidate:
    phone = who["phone"]
    plain = {"first_name": who["first"], "last_name": who["last"], "email": who["email"] if n % 5 else None,
             "phone": phone and f"({phone[:3]}) {phone[3:6]}-{phone[6:]}", "address.street": who["street"]}  # fmt: skip
    return Candidate(n, str(n), plain)


def main() -> None:
    everyone = people(13_000)
    facts: dict = {}
    with measured(facts):
        rights = (right(n, everyone[n]) for n in range(3_000, 13_000))
        found = list(Matcher(KEYS, rights).match_all(left(n, everyone[n]) for n in range(10_000)))
    wrong = sum(m.candidates[0].record_id != mine.record_id for mine, m in found if m.state == "one")
    print(json.dumps({**facts, **Counter(match.state for _, match in found), "wrong": wrong}))


if __name__ == "__main__":
    main()
