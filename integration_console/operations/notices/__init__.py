"""Whom to tell of what: a state that changed, a sign-in that ends, the day's digest."""
