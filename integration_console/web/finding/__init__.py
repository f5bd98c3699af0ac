"""What was read and asked, as it is looked for: search, records, calls, and saved views."""
