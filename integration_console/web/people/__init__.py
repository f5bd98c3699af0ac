"""Who may come in: people, sign-in, second factor, invitations, API tokens, and the erasing of personal data."""
