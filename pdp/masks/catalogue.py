"""The catalogue of masking algorithms: what `check`, the engine and the sentences ask about a mask."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from pdp.masks.algorithms import BY_NAME, Algorithm, MaskClass
from pdp.masks.parameters import Form, Parameter, ParameterType, Problem, normal, problems_of

__all__ = [
    "ALGORITHMS", "Algorithm", "Form", "MaskClass", "Parameter", "ParameterType", "Problem", "Strictness",
    "complete", "describe", "strictness", "validate",
]  # fmt: skip

ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(dict(BY_NAME))

Strictness = tuple[int, int, Fraction, bool, int, str, str]


def validate(algorithm: str, parameters: Mapping[str, Any]) -> list[Problem]:
    """Return all that is wrong with a mask as a policy writes it; empty when nothing is."""
    entry = ALGORITHMS.get(algorithm)
    if entry is None:
        listed, close = _listed(ALGORITHMS), _closest(algorithm, ALGORITHMS)
        hint = f"use one of {listed}; did you mean `{close}`?" if close else f"use one of {listed}"
        return [Problem("algorithm", f"unknown algorithm `{algorithm}`", hint)]
    known = {parameter.name: parameter for parameter in entry.parameters}
    problems = [
        Problem(parameter.name, f"`{algorithm}` needs `{parameter.name}`", f"give {parameter.en}")
        for parameter in entry.parameters
        if parameter.required and parameter.name not in parameters
    ]
    for name, value in parameters.items():
        if name in known:
            problems += problems_of(known[name], value)
        else:
            problems.append(Problem(name, f"`{algorithm}` has no parameter `{name}`", _taken(name, known)))
    return problems or list(entry.check(complete(algorithm, parameters)))


def complete(algorithm: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return valid parameters with the defaults of those left out, sorted by name, each as it travels.

    Values are str, int, bool or tuples of str. An optional parameter without a default stays out.
    """
    found: dict[str, Any] = {}
    for parameter in ALGORITHMS[algorithm].parameters:
        value = parameters.get(parameter.name, parameter.default)
        if value is not None:
            found[parameter.name] = normal(parameter, value)
    return dict(sorted(found.items()))


def strictness(algorithm: str, parameters: Mapping[str, Any]) -> Strictness:
    """Return the key by which any two masks with valid parameters compare: greater is stricter, equal is the same mask.

    It is (class, rank of the algorithm, its measure, whether the hidden length is hidden too, fewer skipped characters,
    name, canonical parameters); docs/guides/masking.md, "Strictness", says it for people.
    """
    entry = ALGORITHMS[algorithm]
    given = complete(algorithm, parameters)
    text = json.dumps(given, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return (
        int(entry.mask_class),
        entry.rank,
        Fraction(entry.measure(given)),
        given.get("length", 0) > 0,
        -len(given.get("skip", "")),
        algorithm,
        text,
    )


def describe(algorithm: str, parameters: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a mask with valid parameters does, in Chinese and English."""
    return ALGORITHMS[algorithm].describe(complete(algorithm, parameters))


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _taken(name: str, known: Mapping[str, Any]) -> str:
    if not known:
        return "it takes none"
    listed, close = _listed(known), _closest(name, known)
    return f"it takes {listed}; did you mean `{close}`?" if close else f"it takes {listed}"


def _closest(name: str, names: Mapping[str, Any]) -> str:
    return next(iter(difflib.get_close_matches(name, names, n=1)), "")
