"""Rules, clauses, scopes and verdicts as sentences in Chinese and English (requirement A16).

`celtext` writes a tree back as CEL, `logic` turns a condition into plain statements and `fold` draws neighbouring ones
together, `writer` walks them, `chinese` and `english` hold the wording, `statements_*` that of whole rules, and
`sentences` is the face that others use.
"""

from pdp.lang.sentence.sentences import Kind, Sentences

__all__ = ["Kind", "Sentences"]
