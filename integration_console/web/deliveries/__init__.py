"""Webhooks: the door upstreams knock on, what came through it, and where a connection's events go out."""
