"""What firms call practice areas: from our name of one to the name in the firm's own Clio list."""

from __future__ import annotations

from collections.abc import Iterable

from .signs import cut

SYNONYMS: dict[str, tuple[str, ...]] = {
    "Personal Injury": ("PI", "Motor Vehicle Accidents", "Auto Accidents", "Torts", "Lesiones Personales"),
    "Medical Malpractice": ("Med Mal", "Medical Negligence", "Professional Malpractice"),
    "Family": ("Divorce", "Domestic Relations", "Matrimonial", "Family and Divorce", "Custody", "Familia"),
    "Wills & Estates": (
        "Estate Planning", "Estates", "Probate", "Wills", "Wills Trusts and Estates", "Estate Planning and Probate",
        "Trusts and Estates", "Wills and Trusts", "Estate Administration", "Succession",
    ),
    "Real Estate": ("Real Property", "Property", "Conveyancing", "Residential Real Estate", "Real Estate Transactions"),
    "Landlord-Tenant": ("Landlord and Tenant", "Housing", "Evictions", "Residential Tenancies", "Tenancy"),
    "Criminal": ("Criminal Defense", "Criminal Defence", "Criminal Justice", "Defense"),
    "DUI / Impaired Driving": ("DUI", "DWI", "OUI", "Impaired Driving", "DUI Defense", "DUI/DWI", "Drunk Driving"),
    "Traffic": ("Traffic Offenses", "Traffic Tickets", "Traffic Violations", "Highway Traffic Act"),
    "Immigration": ("Immigration and Naturalization", "Citizenship and Immigration", "Immigration and Refugee"),
    "Employment": ("Labor and Employment", "Labour and Employment", "Employment and Labor", "Labor", "Labour"),
    "Workers' Compensation": ("Workers Comp", "Workmans Compensation", "WSIB", "Workplace Injury"),
    "Bankruptcy": ("Insolvency", "Bankruptcy and Insolvency", "Debtor and Creditor", "Bankruptcy and Restructuring"),
    "Business": (
        "Corporate", "Business and Corporate", "Corporate and Commercial", "Commercial", "Corporations",
        "Business Formation", "Corporate Commercial",
    ),
    "Contracts": ("Contract", "Contract Review", "Commercial Contracts"),
    "Intellectual Property": ("IP", "Trademarks", "Patents", "Copyright", "Patent and Trademark"),
    "Tax": ("Taxation", "Tax Controversy", "Tax Planning"),
    "Civil Litigation": ("Litigation", "General Litigation", "Civil", "Commercial Litigation", "Dispute Resolution"),
    "Insurance": ("Insurance Claims", "Insurance Coverage", "Insurance Defense", "Insurance Litigation", "Bad Faith"),
    "Social Security Disability": ("Social Security", "SSD", "SSDI", "Disability", "Disability Benefits"),
    "Elder Law": ("Elder", "Elder Care", "Guardianship", "Guardianship and Conservatorship", "Medicaid Planning"),
    "Environmental": ("Environment", "Environment and Natural Resources", "Energy and Environment"),
    "Class Action": ("Class Actions", "Mass Torts", "Class Action and Mass Tort"),
    "Civil Rights": ("Human Rights", "Discrimination", "Constitutional", "Police Misconduct"),
    "Construction": ("Construction Litigation", "Construction and Liens", "Construction Liens", "Building"),
    "Consumer": ("Consumer Protection", "Consumer Rights", "Debt Collection Defense", "Lemon"),
    "Education": ("School", "Special Education", "Student Rights"),
}  # fmt: skip

# Where a firm has no such area of its own, its clients' matters stand under the wider one.
WIDER = {
    "DUI / Impaired Driving": "Criminal",
    "Medical Malpractice": "Personal Injury",
    "Elder Law": "Wills & Estates",
    "Landlord-Tenant": "Real Estate",
    "Contracts": "Business",
}

_ALIKE = 90  # of 100
_PADDING = {"law", "legal", "the", "and", "of", "practice", "service", "matter", "general", "case"}


def firm_area(area: str, names: Iterable[str]) -> str | None:
    """The firm's own name for an area; None when none of its names is clearly the same.

    names: the practice areas of the firm's Clio account.

    >>> firm_area("Criminal", ["Family Law", "Criminal Defense"])
    'Criminal Defense'
    >>> firm_area("Tax", ["Family Law", "Criminal Defense"]) is None
    True
    """
    own, asked = list(names), area
    while asked:
        for wanted in (asked, *SYNONYMS.get(asked, ())):
            if name := _same(wanted, own):
                return name
        asked = WIDER.get(asked, "")
    return None


def _same(wanted: str, names: list[str]) -> str | None:
    """The name that means the same: word for word, else all but a letter or two."""
    asked = _core(wanted)
    if exact := next((name for name in names if _core(name) == asked), None):
        return exact
    from rapidfuzz import fuzz

    scored = [(fuzz.ratio(_core(name), asked), name) for name in names if len(asked) > 4]
    best = max(scored, default=(0.0, ""))
    return best[1] if best[0] >= _ALIKE else None


def _core(name: str) -> str:
    """A name without what all of them have, its words in one order."""
    tokens = cut(name).tokens
    return " ".join(sorted([token for token in tokens if token not in _PADDING] or tokens))
