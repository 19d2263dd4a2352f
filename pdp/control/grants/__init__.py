"""Grants in the control store: asked for, given, honoured for a while, used, taken back (docs/adr/0017)."""
