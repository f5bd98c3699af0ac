"""Which two records are the same person or matter: spellings, likeness, evidence."""
