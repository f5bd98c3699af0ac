"""Runs: the list, one while it works, and taking one back."""
