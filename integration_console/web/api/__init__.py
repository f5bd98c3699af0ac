"""The JSON Integrations API over the same operations and the same errors, and its own description."""
