"""What goes where: mappings, their versions and previews, and the pairs, matches and conflicts they make."""
