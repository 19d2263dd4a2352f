"""Tests of the client: against the shared tables and a service on a real socket."""
