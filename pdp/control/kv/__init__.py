"""The versioned key-value store of the control plane: `base` says what it does, `sqlite` and `etcd` do it."""
