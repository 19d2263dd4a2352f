"""That nothing was changed (requirement B23): trees over chains, signed checkpoints, verification and proofs.

`merkle` and `signing` are the means; `checkpoint` signs what a node's streams have come to and `copies` keeps it in
other places; `verify` goes through a store or a `file`, stream by stream (`stream_check`, `heads`), and names what was
done (`classify`, `findings`); `proof` and `selection` are about single records.
"""
