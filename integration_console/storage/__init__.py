"""Rows in and out. Knows nothing of upstreams; every function is handed its session and never commits."""
