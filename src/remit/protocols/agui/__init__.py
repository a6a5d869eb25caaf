"""AG-UI 1.0: a run as a stream of events for a user interface, with interrupts for what a person decides."""
