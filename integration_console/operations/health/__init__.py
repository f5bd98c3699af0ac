"""Is everything all right: each account's verdict, the day's figures, and what a monitor asks."""
