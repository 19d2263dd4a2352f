"""Random CEL expressions: well typed, and within what the policy language guide supports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random

from tests.reference.random_values import PATTERNS, SCALARS, ZONES, literal, string_literal

_NUMBERS = ("int", "double")
_ORDERED = ("int", "string", "double", "timestamp", "duration", "bool")
_COMPARED = (*_ORDERED, "list(int)", "list(string)", "map(string, string)", "list(double)", "map(string, int)")
_LISTS = (
    "list(string)",
    "list(int)",
    "list(double)",
    "list(bool)",
    "list(list(int))",
    "list(timestamp)",
    "list(duration)",
)
_MAPS = ("map(string, string)", "map(string, int)", "map(int, string)", "map(string, double)", "map(int, bool)")
_ACCESSORS = (
    "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes",
    "getSeconds", "getMilliseconds",
)  # fmt: skip
_DURATION_ACCESSORS = ("getHours", "getMinutes", "getSeconds", "getMilliseconds")
# Names that Python or a generated program could trip over.
_LOOP_NAMES = ("x", "y", "item", "lambda", "None", "is", "len", "str", "self", "_", "v0", "e", "class", "x")
_KEYS = ("a", "b", "risk", "class", "x1")
MAX_LOOPS = 2

Production = Callable[[int], str]


def element_of(kind: str) -> str:
    """Return the type of a list's elements."""
    return kind.removeprefix("list(")[:-1]


def key_and_value(kind: str) -> tuple[str, str]:
    """Return the types of a map's keys and values."""
    key, value = kind.removeprefix("map(")[:-1].split(", ")
    return key, value


class Expressions:
    """Makes expressions over attributes and variables given by name and type, such as `list(string)`."""

    def __init__(
        self,
        random: Random,
        attributes: Mapping[str, str],
        variables: Mapping[str, str] | None = None,
        *,
        untyped: bool = False,
    ) -> None:
        """`untyped` also makes what `check` must refuse: values whose type is open where a certain one is needed."""
        self._random = random
        self._untyped_allowed = untyped
        self._names: dict[str, list[str]] = {}
        for name, kind in attributes.items():
            self._names.setdefault(kind, []).append(name)
        for name, kind in (variables or {}).items():
            self._names.setdefault(kind, []).insert(0, f"vars.{name}")
        self._locals: list[tuple[str, str]] = []
        self._loops = 0

    def make(self, kind: str, depth: int) -> str:
        """Return an expression of a type, nested at most about `depth` deep."""
        if depth <= 0 or self._random.randint(0, 9) == 0:
            return self._leaf(kind)
        return self._random.choice(self._productions(kind))(depth - 1)

    def condition(self, depth: int) -> str:
        """Return a condition, sometimes an `&&` of several without brackets."""
        parts = [self.make("bool", depth) for _ in range(self._random.choice((1, 1, 1, 2, 3)))]
        return self._random.choice((" && ", "&&", " &&\n", " && ")).join(parts)

    def accessed(self, depth: int) -> str:
        """Return a whole number that is read off a time or a span of time."""
        return self._random.choice((self._accessor, self._accessor, self._duration_accessor))(depth - 1)

    def _leaf(self, kind: str) -> str:
        local = [name for position, (name, its) in enumerate(self._locals)
                 if its == kind and all(name != later for later, _ in self._locals[position + 1 :])]  # fmt: skip
        if local and self._random.randint(0, 3) > 0:
            return self._random.choice(local)
        names = self._names.get(kind)
        if names and self._random.randint(0, 3) > 0:
            return self._random.choice(names)
        if kind == "dyn":
            return f"dyn({self._leaf(self._random.choice(('int', 'double', 'string', 'bool')))})"
        if kind == "list(dyn)":
            return self._random.choice(('[1, 2.0, "a"]', "[dyn(1), true]", "[dyn(0)]", '["1", 1, 1.0, true]'))
        if kind.startswith("list("):
            if self._random.randint(0, 9) == 9:
                return "[]"
            inner = element_of(kind)
            if inner in SCALARS:
                return "[" + ", ".join(literal(self._random, inner) for _ in range(self._random.randint(1, 3))) + "]"
            return f"[{self._leaf(inner)}]"
        if kind.startswith("map("):
            return self._map(kind, 0)
        return literal(self._random, kind)

    def _productions(self, kind: str) -> list[Production]:
        if kind == "bool":
            return [
                self._compare, self._logic, self._logic, self._compare, self._equal, self._not, self._membership,
                self._text_test, self._matches, self._loop, self._loop, self._has, self._dynamic,
                self._choice("bool"), *([self._untyped] if self._untyped_allowed else []),
            ]  # fmt: skip
        if kind == "int":
            return [
                self._arithmetic("int", "+-*/%"), self._size, self._negated("int"), self._accessor, self._accessor,
                self._duration_accessor, self._call("int", "double"), self._call("int", "timestamp"),
                *self._common(kind),
            ]  # fmt: skip
        if kind == "double":
            return [
                self._arithmetic("double", "+-*/"),
                self._negated("double"),
                self._call("double", "int"),
                *self._common(kind),
            ]
        if kind == "string":
            return [
                self._arithmetic("string", "+"), self._call("string", "int"), self._call("string", "bool"),
                self._select,
                *self._common(kind),
            ]  # fmt: skip
        if kind == "timestamp":
            return [self._shifted, self._call("timestamp", "int"), *self._common(kind)]
        if kind == "duration":
            return [self._arithmetic("duration", "+-"), self._between, *self._common(kind)]
        if kind == "dyn":
            return [self._wrapped, self._choice("dyn"), self._index("dyn")]
        if kind == "list(dyn)":
            return [self._mixed, self._concat(kind), self._filter(kind), self._choice(kind)]
        if kind.startswith("list("):
            return [self._list(kind), self._concat(kind), self._filter(kind), self._mapped(kind), self._choice(kind)]
        return [lambda depth: self._map(kind, depth), self._choice(kind)]

    def _common(self, kind: str) -> list[Production]:
        return [self._choice(kind), self._index(kind), lambda _: self._leaf(kind)]

    # --- truth

    def _logic(self, depth: int) -> str:
        parts = [self.make("bool", depth) for _ in range(self._random.choice((2, 2, 3)))]
        return "(" + self._random.choice((" && ", " || ")).join(parts) + ")"

    def _not(self, depth: int) -> str:
        return f"!({self.make('bool', depth)})"

    def _compare(self, depth: int) -> str:
        kind = self._random.choice(_ORDERED)
        operator = self._random.choice(("==", "<", "<=", ">", ">=", "!="))
        return f"({self.make(kind, depth)} {operator} {self.make(kind, depth)})"

    def _equal(self, depth: int) -> str:
        kind = self._random.choice((*_COMPARED, *_LISTS, *_MAPS))
        return f"({self.make(kind, depth)} {self._random.choice(('==', '!='))} {self.make(kind, depth)})"

    def _dynamic(self, depth: int) -> str:
        if self._random.randint(0, 4) == 0:
            left, right = self._random.choice(
                (("list(dyn)", "list(dyn)"), ("list(dyn)", "list(int)"), ("list(double)", "list(dyn)"))
            )
            return f"({self.make(left, depth)} {self._random.choice(('==', '!='))} {self.make(right, depth)})"
        if self._random.randint(0, 4) == 0:
            container = self._random.choice(("list(dyn)", "list(int)", "list(double)"))
            return f"({self.make('dyn', depth)} in {self.make(container, depth)})"
        kinds = [self._random.choice(_NUMBERS) if self._random.randint(0, 3) else "dyn" for _ in range(2)]
        left, right = (f"dyn({self.make(kind, depth)})" if kind != "dyn" else self.make(kind, depth) for kind in kinds)
        return f"({left} {self._random.choice(('==', '<', '<=', '>', '>=', '!='))} {right})"

    def _untyped(self, depth: int) -> str:
        """A value of a type known only at run time where a bool, a text or a list is needed."""
        value = self.make("dyn", depth)
        match self._random.randint(0, 6):
            case 0:
                return f"(({value}) && {self.make('bool', depth)})"
            case 1:
                return f"({self.make('bool', depth)} || ({value}))"
            case 2:
                return f"(({value}) ? {self.make('bool', depth)} : {self.make('bool', depth)})"
            case 3:
                return f"({self.make('list(dyn)', depth)}).{self._random.choice(('exists', 'all', 'exists_one'))}(q, q)"
            case 4:
                return f'({value}).matches("a")'
            case 5:
                return f"({self.make('int', depth)} in ({value}))"
            case _:
                return f"!({value})"

    def _membership(self, depth: int) -> str:
        if self._random.randint(0, 2) == 0:
            kind = self._random.choice(_MAPS)
            return f"({self.make(key_and_value(kind)[0], depth)} in {self.make(kind, depth)})"
        kind = self._random.choice(_LISTS)
        return f"({self.make(element_of(kind), depth)} in {self.make(kind, depth)})"

    def _text_test(self, depth: int) -> str:
        function = self._random.choice(("contains", "startsWith", "endsWith"))
        return f"{self._operand('string', depth)}.{function}({self.make('string', depth)})"

    def _matches(self, depth: int) -> str:
        pattern = string_literal(self._random, self._random.choice(PATTERNS))
        if self._random.randint(0, 3) == 0:
            return f"matches({self.make('string', depth)}, {pattern})"
        return f"{self._operand('string', depth)}.matches({pattern})"

    def _has(self, depth: int) -> str:
        kind = self._random.choice(("map(string, string)", "map(string, int)"))
        operand = (
            self._names[kind][0]
            if kind in self._names and self._random.randint(0, 2)
            else f"({self.make(kind, depth)})"
        )
        return f"has({operand}.{self._random.choice(_KEYS)})"

    def _loop(self, depth: int) -> str:
        if self._loops >= MAX_LOOPS:
            return self._leaf("bool")
        kind = self._random.choice((*_LISTS, *_LISTS, *_MAPS, "list(dyn)"))
        source = self._operand(kind, depth)
        element = key_and_value(kind)[0] if kind.startswith("map(") else element_of(kind)
        macro = self._random.choice(("exists", "all", "exists_one"))
        with self._bound(element) as name:
            return f"{source}.{macro}({name}, {self.make('bool', depth)})"

    # --- values

    def _choice(self, kind: str) -> Production:
        return lambda depth: f"({self.make('bool', depth)} ? {self.make(kind, depth)} : {self.make(kind, depth)})"

    def _index(self, kind: str) -> Production:
        def build(depth: int) -> str:
            maps = [m for m in _MAPS if key_and_value(m)[1] == kind]
            if maps and self._random.randint(0, 1):
                source = self._random.choice(maps)
                return f"{self._operand(source, depth)}[{self.make(key_and_value(source)[0], depth)}]"
            index = self._random.choice(("0", "1", "0", self.make("int", depth)))
            return f"{self._operand(f'list({kind})', depth)}[{index}]"

        return build

    def _select(self, depth: int) -> str:
        return f"{self._operand('map(string, string)', depth)}.{self._random.choice(_KEYS)}"

    def _arithmetic(self, kind: str, operators: str) -> Production:
        return lambda depth: f"({self.make(kind, depth)} {self._random.choice(operators)} {self.make(kind, depth)})"

    def _negated(self, kind: str) -> Production:
        return lambda depth: f"-({self.make(kind, depth)})"

    def _call(self, function: str, argument: str) -> Production:
        return lambda depth: f"{function}({self.make(argument, depth)})"

    def _size(self, depth: int) -> str:
        kind = self._random.choice(("string", "string", *_LISTS, *_MAPS, "list(dyn)"))
        if self._random.randint(0, 1):
            return f"size({self.make(kind, depth)})"
        return f"{self._operand(kind, depth)}.size()"

    def _accessor(self, depth: int) -> str:
        zone = string_literal(self._random, self._random.choice(ZONES)) if self._random.randint(0, 3) else ""
        return f"{self._operand('timestamp', depth)}.{self._random.choice(_ACCESSORS)}({zone})"

    def _duration_accessor(self, depth: int) -> str:
        return f"{self._operand('duration', depth)}.{self._random.choice(_DURATION_ACCESSORS)}()"

    def _shifted(self, depth: int) -> str:
        moment, span = self.make("timestamp", depth), self.make("duration", depth)
        return self._random.choice((f"({moment} + {span})", f"({span} + {moment})", f"({moment} - {span})"))

    def _between(self, depth: int) -> str:
        return f"({self.make('timestamp', depth)} - {self.make('timestamp', depth)})"

    def _wrapped(self, depth: int) -> str:
        return f"dyn({self.make(self._random.choice(('int', 'double', 'string', 'bool')), depth)})"

    def _mixed(self, depth: int) -> str:
        items = [
            self.make(self._random.choice(("int", "double", "string", "bool")), depth)
            for _ in range(self._random.randint(1, 3))
        ]
        return "[" + ", ".join([*items, self.make("dyn", depth)]) + "]"

    def _list(self, kind: str) -> Production:
        return lambda depth: (
            "[" + ", ".join(self.make(element_of(kind), depth) for _ in range(self._random.randint(1, 3))) + "]"
        )

    def _concat(self, kind: str) -> Production:
        return lambda depth: f"({self.make(kind, depth)} + {self.make(kind, depth)})"

    def _filter(self, kind: str) -> Production:
        def build(depth: int) -> str:
            if self._loops >= MAX_LOOPS:
                return self._leaf(kind)
            source = self._operand(kind, depth)
            with self._bound(element_of(kind)) as name:
                return f"{source}.filter({name}, {self.make('bool', depth)})"

        return build

    def _mapped(self, kind: str) -> Production:
        def build(depth: int) -> str:
            if self._loops >= MAX_LOOPS:
                return self._leaf(kind)
            origin = self._random.choice(_LISTS)
            source = self._operand(origin, depth)
            with self._bound(element_of(origin)) as name:
                condition = f"{self.make('bool', depth)}, " if self._random.randint(0, 2) == 0 else ""
                return f"{source}.map({name}, {condition}{self.make(element_of(kind), depth)})"

        return build

    def _map(self, kind: str, depth: int) -> str:
        key, value = key_and_value(kind)
        if self._random.randint(0, 9) == 9:
            return "{}"
        keys = self._random.sample(
            ("1", "0", "(-1)") if key == "int" else ('"a"', '"b"', "'x1'", '"私"', '""'), self._random.randint(1, 3)
        )
        return "{" + ", ".join(f"{k}: {self.make(value, depth)}" for k in keys) + "}"

    def _operand(self, kind: str, depth: int) -> str:
        text = self.make(kind, depth)
        return text if text.replace(".", "_").isidentifier() else f"({text})"

    @contextmanager
    def _bound(self, kind: str) -> Iterator[str]:
        name = self._random.choice(_LOOP_NAMES)
        self._locals.append((name, kind))
        self._loops += 1
        yield name
        self._loops -= 1
        self._locals.pop()
