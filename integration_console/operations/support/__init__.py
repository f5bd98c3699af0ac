"""What failed, in plain words: problems, refused writes and their replays, a record's life, the support packet."""
