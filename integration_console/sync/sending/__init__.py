"""What waits is sent, once: guards before a write, and what follows from it."""
