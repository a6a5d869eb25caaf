"""Agents that are built here: kept in the database with their versions, checked, found by name, told in sentences."""
