"""People: e-mail addresses, telephone numbers, names in one piece or several, persons and companies."""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic import Field

from ...services.writing import MISSING
from .base import Options, Spot, empty, text_of, transform
from .text import CUT, TEXTS, shortened, trim


@transform("E-mail address", back="same", takes="text email", gives="email")
def email(value):
    """Write an e-mail address in small letters, without blanks.

    >>> email(" Ada@Example.COM ")
    'ada@example.com'
    """
    return text_of(value).strip().lower() or None


class PhoneOptions(Options):
    """`country`: of numbers without a country's code, two letters; the mapping's when not given."""

    country: str | None = Field(default=None, pattern="^[A-Z]{2}$")


@transform("Telephone number", back="same", options=PhoneOptions, takes="text phone", gives="phone")
def phone(value, options, spot: Spot):
    """Write a telephone number the international way: +15105550123. What is no number is carried as it is.

    >>> phone("(510) 555-0123", PhoneOptions(country="US"), None)
    '+15105550123'
    >>> phone(" 510.555.0123 x12", PhoneOptions(country="US"), None)
    '+15105550123 ext. 12'
    >>> phone("call mornings: 510 555 0123", PhoneOptions(country="US"), None)
    'call mornings: 510 555 0123'
    """
    text = " ".join(text_of(value).split())
    return international(text, options.country or spot.world.options.country) or text or None


_EXTENSION = re.compile(r"(?:ext\.?|extension|x)\s*\d+$", re.IGNORECASE)


@lru_cache(maxsize=20_000)  # the same number is compared on both sides, run after run
def international(text: str, country: str) -> str | None:
    """A number as +15105550123, its extension behind it; None when the text is no number or says more than one.

    >>> international("12", "US"), international("020 7946 0958", "GB")
    (None, '+442079460958')
    """
    if re.search(r"[^\W\d_]", _EXTENSION.sub("", text)):
        return None  # "call mornings", 1-800-FLOWERS: the words would be lost
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written} ext. {number.extension}" if number.extension else written


# -- names ------------------------------------------------------------------------------------------------------------


def join_name(values):
    """Put the parts of a name together.

    >>> join_name([" Ada ", None, "Lovelace"])
    'Ada Lovelace'
    """
    return trim(" ".join(text_of(value) for value in values))


def split_name(value, options, spot: Spot):
    """Take a name apart: into first and last, or first, middle and last. No word is lost.

    >>> split_name("Dr. Ludwig van Beethoven", None, Spot(None, "right", ("name",), ("first", "last")))
    ['Dr. Ludwig', 'van Beethoven']
    >>> split_name("Ada King Lovelace", None, Spot(None, "right", ("name",), ("first", "middle", "last")))
    ['Ada', 'King', 'Lovelace']
    """
    text = trim(value)
    if len(spot.targets) < 2:
        return text
    first, middle, last = _parts(text or "")
    if len(spot.targets) == 2:
        return [trim(f"{first} {middle}"), last or None]
    return [first or None, middle or None, last or None, *[None] * (len(spot.targets) - 3)]


def _parts(text: str) -> tuple[str, str, str]:
    from nameparser import HumanName

    name = HumanName(text)
    first, last = f"{name.title} {name.first}".strip(), f"{name.last} {name.suffix}".strip()
    told = " ".join(filter(None, (first, name.middle, last)))
    if told == text or ("," in text and sorted(told.split()) == sorted(text.replace(",", " ").split())):
        return first, name.middle, last
    *before, last = text.split(" ")  # a nickname, or an order of its own: by the blanks, so that nothing is lost
    return " ".join(before[:1]), " ".join(before[1:]), last


transform("Name from its parts", back=split_name, takes=TEXTS, gives="text")(join_name)
transform("Name into its parts", back=join_name, takes=TEXTS, gives="text")(split_name)


# -- persons and companies --------------------------------------------------------------------------------------------


def is_company(company: object, *names: object) -> bool:
    """A company is who has a company's name and no person's."""
    return not empty(company) and all(map(empty, names))


@transform("Person or Company", takes="text", gives="choice text")
def person_or_company(values):
    """Say “Company” where there is a company's name and no first and last name, else “Person”.

    The fields in this order: company, first name, last name.

    >>> person_or_company(["Acme Inc.", None, ""]), person_or_company(["Acme Inc.", "Ada", None])
    ('Company', 'Person')
    """
    return "Company" if is_company(*values) else "Person"


def company_back(values):
    """A company's name from what lies on the right: name, type. Of a person nothing travels.

    >>> company_back(["Acme Inc.", "Company"]), bool(company_back(["Ada Lovelace", "Person"]))
    ('Acme Inc.', False)
    """
    name, kind = [*values, None][:2]
    return trim(name) if kind == "Company" else MISSING


@transform("Company name", back=company_back, takes="text choice", gives="text", context=True)
def company_name(values):
    """Carry the name of a company, and of a person nothing: a person's name is made of its parts.

    Left: company, first name, last name. Right: name, type. Only the first field of each side is written.

    >>> company_name(["Acme Inc.", None, None]), bool(company_name(["Acme Inc.", "Ada", None]))
    ('Acme Inc.', False)
    """
    return trim(values[0]) if is_company(*values) else MISSING


# The same with a company's name on the left and its parts on the right.
transform("Name of a company", name="company", back=company_name, takes="text choice", gives="text", context=True)(
    company_back
)


@transform("Whole name", back=company_name, takes="text choice", gives="text", context=True)
def whole_name(values):
    """Carry the whole name, of persons too. Back comes a company's only: a person's is made of its parts.

    Left: name, type. Right: name, first name, last name. Only the first field of each side is written.

    >>> whole_name([" Ada Lovelace", "Person"]), whole_name(["Acme Inc.", "Company"])
    ('Ada Lovelace', 'Acme Inc.')
    """
    return trim(values[0])


class LongestOptions(Options):
    """`longest`: characters, what is more is cut off."""

    longest: int | None = Field(default=None, ge=2, le=10_000)


def company_of_one_name(value, options, spot: Spot):
    """A name where there is only one, for somebody who is there already: of a person nothing travels, nor of a name
    that was cut. Who is to be made gets the whole of it.

    >>> spot = Spot(None, "left", ("name",), ("name", "type"), {"name": "Ada Byron", "type": "Person"})
    >>> bool(company_of_one_name("Ada Lovelace", None, spot))
    False
    """
    kind = spot.targets[-1]
    name = trim(value)
    return MISSING if spot.there.get(kind) == "Person" or (name or "").endswith(CUT) else name


@transform(
    "One name", back=company_of_one_name, options=LongestOptions, takes="text choice", gives="text", context=True
)
def one_name(values, options):
    """Carry the whole name to where there is only one. Back comes a company's: a person's is made of its parts.

    Left: name, type. Right: name. Only the names are written.

    >>> one_name([" Ada  Lovelace", "Person"], LongestOptions(longest=100))
    'Ada Lovelace'
    """
    return shortened(trim(values[0]) or "", options.longest) or None
