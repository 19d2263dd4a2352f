"""Tests against the real thing: sockets, processes, windows."""
