"""Backups of a node or a whole cluster, and the way back (requirements B31 to B34; docs/guides/backup.md).

| module | what is in it |
|---|---|
| `keys` | the key that backups are encrypted with |
| `sealed` | a file of encrypted, authenticated sections |
| `entries` | what stands in the sections |
| `shelf` | a folder of backups: which belong together, which are old |
| `control_side` | the keys of the control store: read at one revision, written into an empty store |
| `record_side` | the records: read from the last backup on, written into an empty store |
| `node_files` | the node's keys, its name, its configuration |
| `record_target`, `renewal` | an empty store that is filled; the revision in force afterwards |
| `make`, `check`, `restore` | the three things that are done |
"""
