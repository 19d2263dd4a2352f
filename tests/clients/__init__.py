"""The clients in other languages: each runs its own test suite against what the repository has."""
