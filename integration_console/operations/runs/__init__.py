"""Carrying records: runs of reads and of mappings, what goes out, how they end, and taking one back."""
