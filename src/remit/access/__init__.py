"""Who may come, and as what: people, how they show who they are, their roles, and who changed what."""
