"""Is everything all right: the dashboard, whom to tell, and what a monitor asks."""
