"""Policies as text: where rules stand in it, and edits that leave everything else as it is.

The text is the truth. An edit is a splice: comments, blanks and the order of what it does not concern stay as they are.
"""

from admin_gui.domain.policy_text.edits import (
    copy_rule,
    delete_rule,
    insert_rule,
    move_rule,
    remove_key,
    set_key,
)
from admin_gui.domain.policy_text.outline import Outline, PolicyOutline, RuleOutline, outline

__all__ = [
    "Outline",
    "PolicyOutline",
    "RuleOutline",
    "copy_rule",
    "delete_rule",
    "insert_rule",
    "move_rule",
    "outline",
    "remove_key",
    "set_key",
]
