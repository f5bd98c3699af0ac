"""What was read, as it is looked for: searched, listed, named, and taken out as a file."""
