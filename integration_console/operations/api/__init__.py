"""What the Integrations API alone needs: its own words and ids, pages, quotas, and webhooks to programs."""
