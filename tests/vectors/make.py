"""Makes the vectors that every language's client is held by.

    python tests/vectors/make.py            write decisions.json, bundles/ and the grid of masking.json again
    python tests/vectors/make.py --check    only say whether they would change
    python tests/vectors/make.py --draw     draw the random policy sets and requests in sources/ anew before that

Drawn sets are kept in `sources/`, so that a changed generator changes no vector unless it is asked to.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent.parent))

from tests.vectors.making import decisions, drawing, masking  # noqa: E402 - the repository must be on the path first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file would change")
    parser.add_argument("--draw", action="store_true", help="draw the random policy sets and requests anew")
    options = parser.parse_args()
    if options.draw and not options.check:
        drawing.draw(FOLDER / "sources")
    made = {**decisions.make(FOLDER), "masking.json": masking.make(FOLDER / "masking.json")}
    changed = differing(FOLDER, made)
    if options.check:
        for name in changed:
            print(f"{name} is not what `python tests/vectors/make.py` makes", file=sys.stderr)
        return 1 if changed else 0
    for name in changed:
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        if name in made:
            path.write_bytes(made[name])
        else:
            path.unlink()
    print(f"{len(made)} files, {len(changed)} of them changed")
    return 0


def differing(folder: Path, made: Mapping[str, bytes]) -> list[str]:
    """Return the files that are missing, different or no longer made, sorted."""
    there = {path.relative_to(folder).as_posix() for path in (folder / "bundles").glob("*")}
    return sorted(name for name in there | set(made) if read(folder / name) != made.get(name))


def read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
