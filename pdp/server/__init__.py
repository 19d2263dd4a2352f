"""The server: `core` decides, `servicers` speak a service, `transport` a protocol, `app` puts them together."""

import os

# Read once, when grpc is first imported: its C core would write lines of its own between the JSON lines of the log.
# What it has to say reaches Python as exceptions anyway.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
