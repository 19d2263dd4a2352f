"""`python -m admin_gui`."""

from admin_gui.main import main

main()
