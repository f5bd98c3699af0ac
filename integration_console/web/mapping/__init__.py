"""Field mappings: edited, previewed, versioned; the matches, conflicts and writes they make."""
