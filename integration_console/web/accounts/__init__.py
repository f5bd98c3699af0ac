"""Accounts at the services: connected by key or by consent, what is read of each, and where its webhooks knock."""
