"""What can be done, each with a name, a shortcut and a place in the palette."""
