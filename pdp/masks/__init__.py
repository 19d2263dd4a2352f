"""The masks: which algorithms there are, what they take, how strict they are and what they do in words.

Nothing here masks a value. Clients do (`clients/`), so that raw data never leave the calling system; the two sides are
held together by `tests/vectors/masking.json` and docs/guides/masking.md.
"""
