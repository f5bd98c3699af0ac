"""What the books at Xero are made of: the chart of accounts, taxes, who is paid, and for what."""

# Code, name, type, class, tax type.
CHART = (
    ("090", "Operating account", "BANK", "ASSET", "NONE"),
    ("091", "Client trust account", "BANK", "ASSET", "NONE"),
    ("200", "Legal fees", "REVENUE", "REVENUE", "OUTPUT"),
    ("205", "Costs recovered", "REVENUE", "REVENUE", "OUTPUT"),
    ("260", "Other revenue", "REVENUE", "REVENUE", "OUTPUT"),
    ("400", "Advertising", "EXPENSE", "EXPENSE", "INPUT"),
    ("404", "Bank fees", "EXPENSE", "EXPENSE", "NONE"),
    ("412", "Court and filing fees", "EXPENSE", "EXPENSE", "NONE"),
    ("420", "Entertainment", "EXPENSE", "EXPENSE", "INPUT"),
    ("429", "General expenses", "EXPENSE", "EXPENSE", "INPUT"),
    ("445", "Light, power, heating", "EXPENSE", "EXPENSE", "INPUT"),
    ("453", "Office expenses", "EXPENSE", "EXPENSE", "INPUT"),
    ("469", "Rent", "OVERHEADS", "EXPENSE", "INPUT"),
    ("485", "Subscriptions", "EXPENSE", "EXPENSE", "INPUT"),
    ("493", "Travel", "EXPENSE", "EXPENSE", "INPUT"),
    ("610", "Accounts receivable", "CURRENT", "ASSET", "NONE"),
    ("800", "Accounts payable", "CURRLIAB", "LIABILITY", "NONE"),
    ("820", "Sales tax", "CURRLIAB", "LIABILITY", "NONE"),
)
TAX_RATES = (
    ("NONE", "Tax Exempt", 0.0),
    ("OUTPUT", "Tax on Sales", 8.25),
    ("INPUT", "Tax on Purchases", 8.25),
    ("OUTPUT2", "Tax on Sales, reduced", 4.0),
)
SUPPLIERS = (
    "Golden Gate Reporting",
    "Harbor Courier Co.",
    "PaperTrail Supplies",
    "Northbay Process Servers",
    "Acacia Property Management",
    "Bright Line Power",
    "Übersetzungsbüro Köhler",
    "Lexicon Research Ltd",
    "ООО «Перевод»",
    "=SUM(A1) Printing",
)
FEES = ("Telephone conference", "Drafting", "Court appearance", "Document review", "Legal research", "Mediation 🤝")
COSTS = (("Court reporter", "412"), ("Courier", "429"), ("Stationery", "453"), ("Rent", "469"), ("Database", "485"))
BANK_FEES = ("Bank fee", "Card payment", "Deposit", "Filing fee paid at the counter", "Taxi")
