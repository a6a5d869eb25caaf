"""Conversations with people that a colleague may take over from an agent, and hand back."""
