"""Webhooks as they arrive: proved, kept once, carried to the records they speak of."""
