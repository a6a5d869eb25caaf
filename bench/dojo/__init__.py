"""AgentDojo on Remit: its functions labelled, its tasks played through the real loop and gate. See bench/agentdojo.py."""
