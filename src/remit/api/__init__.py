"""The REST API under `/api/v1`: runs, what they ask, agents, tools, effects and models, over one App."""
