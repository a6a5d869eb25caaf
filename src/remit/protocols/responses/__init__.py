"""Responses as OpenAI's clients ask for them, over runs of agents."""
