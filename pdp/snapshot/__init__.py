"""Authorization snapshots: the durable, tamper-evident record of every decision (requirements A31, A32, A39, B22–B26).

`recorder` writes a decision's record, `spool` makes it durable on the node, `ship` carries it into a `store`; `chain`,
`merkle`, `checkpoint` and `verify` prove that nothing was changed, `filter` and `query` find records again, and
`retention` ends them.
"""
