"""How long what is known of people is kept, as a workspace says: rules of it, and that it is done, by whoever works."""
