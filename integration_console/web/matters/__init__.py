"""What a law firm asks for: matters, limitation dates, practice areas, and the way of an hour to its invoice."""
