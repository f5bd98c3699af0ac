"""Who may come in: people, their passwords and second factors, sign-ins to the console, and API tokens."""
