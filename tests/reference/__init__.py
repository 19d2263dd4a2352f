"""The meaning of a policy set in its plainest form, and random inputs to compare the engine with it."""
