"""Reading from a service: which stretch, page by page, each record through the sieve, and how far it has come."""
