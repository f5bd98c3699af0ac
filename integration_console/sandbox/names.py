"""Invented names the stand-ins make their people, companies and matters of. Nobody here exists."""

FIRST = (
    "Ada", "Grace", "Miguel", "Priya", "Noah", "Fatima", "Liam", "Chloe", "Omar", "Hannah", "Jamal", "Ingrid", "Rosa",
    "Kenji", "Amara", "Tobias", "Leila", "Marcus", "Yara", "Dmitri", "Esther", "Paulo", "Nadia", "Oscar", "Beatriz",
    "Samuel", "Zainab", "Victor", "Helena", "Ravi", "Sofia", "Walter",
)  # fmt: skip
LAST = (
    "Lovelace", "Hopper", "Alvarez", "Raman", "Whitfield", "Haddad", "O'Neill", "Dubois", "Okafor", "Lindqvist",
    "Baptiste", "Nguyen", "Castillo", "Tanaka", "Mbeki", "Schreiber", "Azizi", "Delgado", "Nassar", "Petrov",
    "Goldberg", "Ferreira", "Kovac", "Lindgren", "Moreau", "Ashworth", "Bello", "Marchetti", "Novak", "Iyer",
    "Carvalho", "Brandt", "Fitzgerald", "Sokolov", "Yamamoto",
)  # fmt: skip

# First name, last name: what real address books hold and programs trip over.
ODD_NAMES = (
    ("محمد", "الأنصاري"),
    ("小明", "王"),
    ("Анна", "Кузнецова"),
    ("प्रिया", "शर्मा"),
    ("דוד", "כהן"),
    ("Jose\u0301", "Nu\u0301n\u0303ez"),
    ("=1+1", "Testcase"),
    ("Zoë", "D’Angelo-Müller"),
    ("Thị Hồng", "Nguyễn"),
    ("A", "B"),
    ("Renée", '=HYPERLINK("https://example.com")'),
    ("Θεοδώρα", "Παπαδοπούλου"),
    ("김", "민준"),
    ("Robert'); DROP TABLE", "Students"),
    ("<b>Max</b>", "Power"),
    ("  Padded ", "Spaces  "),
    ("Maximiliana " * 12, "von Hohenfels-" * 9 + "Langenau"),
    ("สมชาย", "ใจดี"),
    ("Þór", "Ægisson"),
)
COMPANIES = (
    "Harborview {} LLC",
    "{} & Sons, Inc.",
    "{} Logistics GmbH",
    "The {} Group",
    "{} Dental P.C.",
    "Café {}",
    "{} Immobilien",
    "株式会社{}",
)
STREETS = ("Maple Street", "Harbor Road", "2nd Avenue", "Rue de l'Exemple", "Königsallee", "Old Mill Lane")
CITIES = (
    ("Oakland", "CA", "94607"),
    ("Portland", "OR", "97205"),
    ("Reno", "NV", "89501"),
    ("San José", "CA", "95112"),
    ("Spokane", "WA", "99201"),
)
STAFF = (
    ("Margaret", "Ashby", "Attorney"),
    ("Daniel", "Okoye", "Attorney"),
    ("Ruth", "Feinberg", "Attorney"),
    ("Luis", "Camarena", "Attorney"),
    ("Priyanka", "Das", "Attorney"),
    ("Thomas", "Halloran", "NonAttorney"),
    ("Mei", "Tanaka", "NonAttorney"),
    ("Olivia", "Brandt", "NonAttorney"),
    ("Yusuf", "Demir", "NonAttorney"),
    ("Carla", "Menéndez", "Attorney"),
    ("Søren", "Kjær", "NonAttorney"),
    ("Agnes", "Whitlock", "NonAttorney"),
)
DESCRIPTIONS = (
    "{} v. Northgate Insurance, motor vehicle accident",
    "Lease dispute, {}",
    "Dissolution of marriage: {}",
    "Estate plan and living trust, {}",
    "H-1B petition for {}",
    "{}: wrongful termination claim",
    "Formation of an LLC for {}",
    "Chapter 7 petition, {}",
    "Purchase of a house by {}",
    "DUI defence, {}",
    "Workers' compensation claim, {}",
    "Trademark registration for {}",
)
