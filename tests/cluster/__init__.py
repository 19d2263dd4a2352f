"""A cluster under faults: members killed, stopped, cut off, slow, with wrong clocks, and bad revisions in their store.

`make test-cluster` runs it; the environment sets how much: JINGXI_SEED, JINGXI_ROUNDS (how often every fault comes),
JINGXI_STORE_AWAY (seconds that etcd is away), JINGXI_ONLY (a regular expression for names of faults),
JINGXI_CLUSTER_JSON (a file for the figures).
"""
