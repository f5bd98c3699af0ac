"""Bytes out and in: one client for every upstream. Knows nothing of tables."""
