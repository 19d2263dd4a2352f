"""Where records end up: SQLite on one machine, PostgreSQL in a cluster."""
