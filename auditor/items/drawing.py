"""Drawing some of the items by seed, and joining those of several sources."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from auditor.errors import InputError
from auditor.records import Item

_STRATA = ("gold", "correct", "peer")


def draw(items: Sequence[Item], limit: int, seed: int) -> list[Item]:
    """Draw `limit` items by `seed`, spread over as many groups as there are, and keep their order.

    Items of one group are not independent, so one item of each of many groups tells more than many items of a few.

    Raises
    ------
    InputError
        If `limit` is below one.

    Examples
    --------
    >>> items = [Item(str(k), "2+2?", "4", group="first" if k < 9 else "last") for k in range(10)]
    >>> [item.group for item in draw(items, 2, 0)]
    ['first', 'last']
    """
    if limit < 1:
        raise InputError(f"at least one item is needed, not {limit}", where="limit")
    rng = random.Random(f"auditor-draw-{seed}")
    groups: dict[str, list[int]] = {}
    for position, item in enumerate(items):
        groups.setdefault(item.group if item.group is not None else f"\0{item.id}", []).append(position)
    ranked = []
    for members in groups.values():
        rng.shuffle(members)
        ranked += [(turn, rng.random(), position) for turn, position in enumerate(members)]
    return [items[position] for _, _, position in sorted(sorted(ranked)[:limit], key=lambda entry: entry[2])]


def draw_evenly(items: Sequence[Item], limit: int, seed: int, field: str) -> list[Item]:
    """Draw `limit` items by `seed`, as many of each value of a field as can be, and keep their order.

    Items without a value only fill up what the others leave. With more values of `gold` than items to draw,
    neighbouring values count as one, so that the whole range is drawn from. Among items of one value those come
    first of whose group fewest are drawn already.

    Raises
    ------
    InputError
        For another field, if no item has it, or if `limit` is below one.

    Examples
    --------
    >>> items = [Item(str(k), "2+2?", "4", correct=k == 0) for k in range(6)]
    >>> sorted(item.correct for item in draw_evenly(items, 2, 0, "correct"))
    [False, True]
    """
    if field not in _STRATA:
        raise InputError(f"items can be stratified by {', '.join(_STRATA)}, not '{field}'", where="stratify")
    if limit < 1:
        raise InputError(f"at least one item is needed, not {limit}", where="limit")
    queues = _strata(items, limit, field)
    if not queues:
        raise InputError(f"no item has a value of '{field}'", where="stratify", remedy="leave --stratify out")
    rng = random.Random(f"auditor-strata-{seed}")
    # Where the limit is no multiple of the number of values, chance decides which of them get one more.
    rng.shuffle(queues)
    rest = [item for item in items if getattr(item, field) is None]
    for queue in (*queues, rest):
        rng.shuffle(queue)
    chosen: set[str] = set()
    drawn_of: Counter[str | None] = Counter()
    while len(chosen) < min(limit, len(items)):
        for queue in [queue for queue in queues if queue] or [rest]:
            if len(chosen) < limit:
                # Items of one group tell less than those of two.
                item = min(queue, key=lambda one: drawn_of[one.group])
                queue.remove(item)
                chosen.add(item.id)
                drawn_of[item.group] += item.group is not None
    return [item for item in items if item.id in chosen]


def _strata(items: Sequence[Item], limit: int, field: str) -> list[list[Item]]:
    """The items of each value, in the order of the values; of `gold` at most `limit` runs of neighbouring values."""
    valued = [item for item in items if getattr(item, field) is not None]
    values = sorted({getattr(item, field) for item in valued})
    count = min(limit, len(values)) if field == "gold" else len(values)
    place = {value: rank * count // len(values) for rank, value in enumerate(values)}
    strata: list[list[Item]] = [[] for _ in range(count)]
    for item in valued:
        strata[place[getattr(item, field)]].append(item)
    return strata


def combine(sources: Sequence[tuple[str, Sequence[Item]]]) -> list[Item]:
    """Join the items of several sources; ids and groups that stand in two get the source's name in front.

    Sources of one name, as of two folders that are called alike, are told apart by their place in the list.

    Examples
    --------
    >>> [item.id for item in combine([(name, [Item("1", "2+2?", "4")]) for name in ("mine", "yours")])]
    ['mine/1', 'yours/1']
    """
    if len(sources) == 1:
        return list(sources[0][1])
    uses = Counter(name for name, _ in sources)
    sources = [
        (f"{name}-{place}" if uses[name] > 1 else name, items)
        for place, (name, items) in enumerate(sources, start=1)
    ]
    counts: dict[str, int] = {}
    for _, items in sources:
        for name in {item.id for item in items} | {item.group for item in items if item.group is not None}:
            counts[name] = counts.get(name, 0) + 1

    def renamed(source: str, name: str | None) -> str | None:
        return f"{source}/{name}" if name is not None and counts[name] > 1 else name

    return [
        replace(item, id=str(renamed(source, item.id)), group=renamed(source, item.group))
        for source, items in sources
        for item in items
    ]
