"""What a person or the clock can ask for. Owns every commit."""
