"""Asks the service and tells what came. gRPC is known here alone."""
