"""Remit as an A2A agent: each agent has a card, takes messages, and its runs are tasks."""
