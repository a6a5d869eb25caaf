"""The same run on other libraries. Each script runs in a virtual environment of its own and imports no Remit."""
