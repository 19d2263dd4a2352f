"""How the tables in `tests/vectors` are made out of `tests/vectors/sources`; `tests/vectors/make.py` is the command."""
