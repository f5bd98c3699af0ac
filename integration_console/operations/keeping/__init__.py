"""What is kept and for how long: backups, restores, retention, erasures, and the configuration as a document."""
