"""The desktop program: without a window, in a window, and against a real service."""
