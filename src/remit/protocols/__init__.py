"""The field's own protocols over the same runs: each a thin layer that turns a run's journal into what its clients know."""
