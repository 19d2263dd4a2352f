"""The command `pdp`: `main` finds the command, one module a command does the work."""
