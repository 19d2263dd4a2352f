"""The control plane: what nodes decide by, who may change it, and how it reaches them (DESIGN §7)."""
