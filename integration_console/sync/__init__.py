"""Carries records from one side to the other. No Flask, no HTTP."""
