"""What carries calls to the core: `grpc` is the default, `native` the fast one, behind the protocol in `base`."""
