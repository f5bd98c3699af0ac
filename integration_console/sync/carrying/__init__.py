"""A mapping's look at its records: which pairs changed, what each side is to get, written down or only counted."""
