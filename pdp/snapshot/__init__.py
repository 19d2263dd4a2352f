"""Authorization snapshots: the durable, tamper-evident record of every decision (requirements A31, A32, A39, B22–B26).

`recorder` writes a decision's record, `spool` makes it durable on the node, `ship` carries it into a `store`; `chain`
and `evidence` prove that nothing was changed; `filter`, `query`, `story` and `export` find records again and tell them;
`retention`, `holds` and `archive` end them.
"""
