"""What is kept: backups, and the settings of the firm, its services and retention."""
