"""Accounts, to which several people belong: as rows say it, as it is kept, and what it comes to."""
