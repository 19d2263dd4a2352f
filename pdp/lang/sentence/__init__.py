"""Rules, clauses, scopes and verdicts as sentences in Chinese and English (requirement A16).

`logic` turns a condition into the statements of `formula` and `fold` draws neighbouring ones together; `writer` and
`nouns` walk them; `chinese` and `english` are the `words`; `statements` words whole rules; `names`, `text`, `times` and
`celtext` are what they build from; `sentences` is the face. `failure` words the failure rule.
"""

from pdp.lang.sentence.failure import failure_sentence
from pdp.lang.sentence.sentences import Sentences, verdict_sentence

__all__ = ["Sentences", "failure_sentence", "verdict_sentence"]
