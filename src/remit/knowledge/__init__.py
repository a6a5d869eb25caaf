"""What an agent may look up: sources, their documents, and the passages that these are cut into."""
