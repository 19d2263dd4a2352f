"""Conditions that every engine compared here can express, and how the policy language writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """The employee holds the role."""

    role: str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The whole number is not below the bound."""

    attribute: str
    bound: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """The text is one of these."""

    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Same:
    """Two texts are equal."""

    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    operand: Role | AtLeast | OneOf | Same


Condition = Role | AtLeast | OneOf | Same | Not


def text(value: str) -> str:
    """Return a text between double quotes; CEL, Cedar, Rego and Python read it alike."""
    return json.dumps(value)


def to_cel(condition: Condition) -> str:
    """Return the condition in the policy language."""
    match condition:
        case Role(role):
            return f"{text(role)} in subject.roles"
        case AtLeast(attribute, bound):
            return f"{attribute} >= {bound}"
        case OneOf(attribute, (only,)):
            return f"{attribute} == {text(only)}"
        case OneOf(attribute, values):
            return f"{attribute} in [{', '.join(map(text, values))}]"
        case Same(left, right):
            return f"{left} == {right}"
        case Not(operand):
            return f"!({to_cel(operand)})"
