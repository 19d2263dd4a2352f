"""The systems that may call the decision port, as the control store keeps them.

| module | holds |
|---|---|
| rules | what a caller may look like, and which changes let it do more |
| tokens | bearer tokens and their hashes |
| book | callers in the store |
| desk | every change of one, and the second person that some need |
| following | how a node hears of changes |
| last_known | what it begins with when the store is away |
| telling | callers without what tokens are recognised by, and what a change changed |

One key, `callers/-`, is written with every change: a change is judged against all callers in one transaction, and a
node sees by that key alone whether it knows all there is.
"""

from __future__ import annotations

from pdp.control.callers.desk import CallerDesk, Outcome
from pdp.control.callers.rules import TokenWish

__all__ = ["CallerDesk", "Outcome", "TokenWish"]
