"""What two spellings of the same thing have in common: text, e-mails, phones, and names of people and companies.

Folded values are for comparing only; what an upstream wrote is never replaced by them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

LONGEST = 300  # characters; what is longer is no name, no e-mail and no address line
REMEMBERED = 32_768  # e-mails and numbers: both sides of a match write most of theirs alike

_ALONE = str.maketrans(  # letters that no normal form takes apart
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t"}
)
_QUIET = re.compile(  # accents, Hebrew points, Arabic vowel signs, apostrophes; signs that write vowels elsewhere stay
    r"[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670'’‘ʼʻ`´]"
)
_ABBREVIATED = re.compile(r"\b(?:\w\.){2,}(?:\w\b)?")  # L.L.C.


def text(value: object) -> str:
    """Words in one case, without accents, marks and doubled spaces.

    >>> text("  Zoë O’Brien-Łukasz "), text("STRASSE"), text("Straße")
    ('zoe obrien lukasz', 'strasse', 'strasse')
    """
    if value is None or isinstance(value, bool):
        return ""
    folded = unicodedata.normalize("NFKD", str(value)[:LONGEST]).casefold().translate(_ALONE)
    folded = _QUIET.sub("", unicodedata.normalize("NFKD", folded))
    if not folded.isascii():
        return " ".join("".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in folded).split())
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def email(value: object) -> str:
    """An e-mail as it is compared; "" when it is none.

    >>> email(" Ada@Example.COM "), email("mailto:ada@example.com"), email("n/a")
    ('ada@example.com', 'ada@example.com', '')
    """
    written = str(value or "").strip().removeprefix("mailto:")
    return _email(written) if "@" in written and len(written) <= LONGEST else ""


@lru_cache(REMEMBERED)
def _email(written: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(written, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return ""
    return found.normalized.casefold() if "." in found.domain else ""


def phone(value: object, country: str = "US") -> str:
    """A phone number in E.164, without its extension; "" when it is none. country: where numbers without + are.

    >>> phone("(415) 555-0132 ext. 9"), phone("+49 30 901820"), phone("000-000-0000"), phone("none")
    ('+14155550132', '+4930901820', '', '')
    """
    written = str(value or "").strip().removeprefix("tel:")
    return _phone(written, country) if 7 <= len(written) <= 60 else ""


@lru_cache(REMEMBERED)
def _phone(written: str, country: str) -> str:
    import phonenumbers

    try:
        found = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return ""
    made_up = len(set(str(found.national_number))) < 2  # 000-000-0000, 999-999-9999
    if made_up or not phonenumbers.is_possible_number(found):
        return ""
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


# -- names ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name:
    """A folded name. A person's is in parts; a company's is without "LLC" and its like."""

    whole: str  # what both kinds are compared by: without titles, suffixes and legal forms
    person: bool
    first: str = ""
    middle: str = ""
    last: str = ""
    generation: str = ""  # jr, sr, ii ...

    @property
    def block(self) -> str:
        """What equal names share, in whatever order their words come."""
        return " ".join(sorted(f"{self.first} {self.last}".split())) or self.whole


_FORMS = frozenset({  # legal forms nobody has for a name
    "llc", "inc", "incorporated", "ltd", "limited", "gmbh", "mbh", "corp", "corporation", "llp", "pllc", "plc", "sarl",
    "srl", "ulc", "ltee", "limitee", "pty", "aktiengesellschaft", "ohg", "kgaa", "eurl", "sasu", "cv", "bvba", "ооо",
    "оао", "зао", "пао", "тоо",
})  # fmt: skip
_SHORT_FORMS = frozenset({  # people are called some of these
    "co", "company", "pc", "pa", "lp", "ag", "sa", "sas", "sl", "kg", "ug", "bv", "nv", "ab", "as", "oy", "kk", "spa",
})  # fmt: skip
_SIGNS = frozenset({  # words by which a company is known
    "associates", "partners", "holdings", "holding", "group", "foundation", "services", "solutions", "trust", "estate",
    "properties", "realty", "enterprises", "consulting", "industries", "partnership", "company",
})  # fmt: skip
_JOINED_FORMS = ("株式会社", "有限会社", "合同会社", "有限公司", "股份有限公司", "주식회사")
_GENERATIONS = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}


def name(value: object) -> Name | None:
    """A name in its parts; None when there is nothing to compare: no letter, or an e-mail in its place.

    >>> name("Dr. José Q. Núñez, Jr.")
    Name(whole='jose q nunez', person=True, first='jose', middle='q', last='nunez', generation='jr')
    >>> name("ACME Holdings, L.L.C.").whole, name("Nuñez, José").first, name("--")
    ('acme holdings', 'jose', None)
    """
    written = " ".join(str(value or "").split())[:LONGEST]
    if "@" in written or not any(c.isalpha() for c in written):
        return None
    return _company(written) or _person(written)


def _company(written: str) -> Name | None:
    plain = _ABBREVIATED.sub(lambda found: found[0].replace(".", ""), written)
    words, joined = text(plain).split(), [form for form in _JOINED_FORMS if form in plain]
    if not (joined or "&" in plain or _is_company(plain, words)):
        return None
    for form in joined:
        words = text(plain := plain.replace(form, " ")).split()
    kept = list(words)
    while len(kept) > 1 and kept[-1] in _FORMS | _SHORT_FORMS | {"and"}:
        kept.pop()
    while len(kept) > 1 and kept[0] in _FORMS | {"the"}:
        kept.pop(0)
    kept = [word for word in kept if word != "and"] or kept
    return Name(" ".join(kept or words), person=False) if kept or words else None


def _is_company(plain: str, words: list[str]) -> bool:
    if not words or len(words) < 2:
        return False
    last = plain.split()[-1]
    short = words[-1] in _SHORT_FORMS and (last.endswith(".") or (last.isupper() and not plain.isupper()))
    return short or words[-1] in _FORMS or words[0] in _FORMS or bool(_SIGNS.intersection(words))


def _person(written: str) -> Name | None:
    if (quick := _plain_person(written)) is not None:
        return quick
    if _EAST_ASIAN.search(written):  # the space between family and given name is often left out
        return Name(text(written).replace(" ", ""), person=True)
    from nameparser import HumanName

    parsed = HumanName(written)
    first, middle, last = (text(part) for part in (parsed.first, parsed.middle, parsed.last))
    suffixes = [_GENERATIONS[word] for word in text(parsed.suffix).split() if word in _GENERATIONS]
    whole = " ".join(part for part in (first, middle, last) if part)
    if not whole:
        return Name(text(written), person=True, last=text(written)) if text(written) else None
    return Name(whole, True, first, middle, last, suffixes[0] if suffixes else "")


_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_PLAIN_WORD = re.compile(r"[^\W\d_]\.|[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ALPHABETS_END = "\u0530"  # Latin, Greek and Cyrillic lie below; elsewhere the family name may come first


def _plain_person(written: str) -> Name | None:
    """ "Ada Lovelace" needs no parser, and most names are like it: no comma, no title, no particle, no suffix."""
    words = written.replace("’", "'").split(" ")
    if not 2 <= len(words) <= 3 or max(map(max, words)) >= _ALPHABETS_END:
        return None
    if not all(_PLAIN_WORD.fullmatch(word) and word.lower().rstrip(".") not in _particular() for word in words):
        return None
    first, *middle, last = (text(word) for word in words)
    return Name(" ".join((first, *middle, last)), True, first, " ".join(middle), last) if first and last else None


@cache
def _particular() -> frozenset[str]:
    """Words the parser does something about."""
    from nameparser.config import CONSTANTS

    known: Iterable[Iterable[str]] = (
        CONSTANTS.titles, CONSTANTS.prefixes, CONSTANTS.conjunctions, CONSTANTS.suffix_acronyms,
        CONSTANTS.suffix_not_acronyms, CONSTANTS.bound_first_names, CONSTANTS.first_name_titles,
    )  # fmt: skip
    return frozenset(str(word).replace(".", "") for words in known for word in words)


def scripts(words: str) -> frozenset[str]:
    """The scripts a text is written in: names in different ones cannot be compared letter by letter.

    >>> sorted(scripts("иван")), sorted(scripts("ivan 3"))
    (['CYRILLIC'], ['LATIN'])
    """
    if words.isascii():
        return _LATIN if any(c.isalpha() for c in words) else frozenset()
    return frozenset(unicodedata.name(c, "").partition(" ")[0] for c in words if c.isalpha())


_LATIN = frozenset({"LATIN"})
