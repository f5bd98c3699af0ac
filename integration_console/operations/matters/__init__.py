"""What a law firm asks for: matters, limitation dates, and the way of an hour to its invoice."""
