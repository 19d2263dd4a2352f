"""The desktop program: security staff edit policies, testers simulate, auditors browse snapshots.

Data flow one way: `services` ask the service and tell what came by signals, `models` hold it for Qt, `views` show it.
What needs no window is in `domain`, which does not know Qt. Everything goes over gRPC; `pdp` is never imported.
"""
