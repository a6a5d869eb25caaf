"""The conversation graph: what was heard of people on every channel, which of it is of one person, and what it comes to."""
