"""Accounts at the services: connected, proved, their credentials kept fresh, and our hooks there."""
