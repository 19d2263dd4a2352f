"""Rules, clauses, scopes and verdicts as sentences in Chinese and English (requirement A16).

`logic` turns a condition into the statements of `formula` and `fold` draws neighbouring ones together; `writer` and
`nouns` walk them; `chinese` and `english` are the `words`; `statements` words whole rules; `names`, `text`, `times` and
`celtext` are what they build from; `sentences` is the face.
"""

from pdp.lang.sentence.sentences import Sentences, verdict_sentence

__all__ = ["Sentences", "verdict_sentence"]
