"""What failed, in plain words: problems, refused writes and their replays, the support packet."""
