"""What is done of decisions: each begins a run, once, whose calls pass the gate; and what becomes of them is minded."""
