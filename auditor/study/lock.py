"""Locking a plan before the data: what was promised, a hash over it, and every word that changed since."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import pandas as pd

from auditor.arms import plain
from auditor.errors import InputError, OtherPlanError
from auditor.files import read_text, write_whole
from auditor.plan import Plan
from auditor.records import content_hash, utc_now
from auditor.report import Registration

NAME = "plan.lock.json"
_FORMAT = 1
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Lock:
    """A locked plan.

    Parameters
    ----------
    content : mapping
        Design, texts, hashes of the items, contrasts, tests, and the rules for pass marks and stopping.
    hash : str
        SHA-256 over all the rest.
    locked_at, version : str
        When, and by which version of the program.
    """

    content: Mapping[str, Any]
    hash: str
    locked_at: str
    version: str

    def shown(self, found: Sequence[str]) -> Registration:
        """The lock with the deviations from it, for a report."""
        names = tuple(str(entry["name"]) for entry in self.content["contrasts"])
        return Registration(self.hash, self.locked_at, tuple(found), names)


def lock_content(plan: Plan) -> dict[str, Any]:
    """Everything that a locked plan promises, as JSON values. Pass marks that a pilot finds are not: their rule is."""
    design = plan.design
    prompts = (package_files("auditor") / "texts" / "prompts.toml").read_text(encoding="utf-8")
    return {
        "design": design.to_json(),
        "threshold_rule": design.threshold_rule(),
        "stopping_rule": _stopping_rule(plan),
        "tests": {
            "confirmatory": "sign-flip, two-sided, of paired differences by item (or group); score and pass rate; Holm",
            "equivalence": f"two one-sided t tests at {design.alpha:g} within the margins",
            "exploratory": "the same test; Benjamini-Hochberg",
        },
        "contrasts": [
            {"name": c.name, "family": c.family, "role": c.role, "isolates": c.isolates}
            for c in plan.contrasts
        ],
        "arms": {arm.name: arm.factors for arm in plan.arms},
        "wordings": {
            wording.id: {k: v for k, v in plain(wording.to_json()).items() if k != "id"}
            for wording in plan.wordings
        },
        "prompts": dict(enumerate(prompts.splitlines())),
        "items": {item.id: content_hash(item.to_json()) for item in plan.items},
        "judges": {judge.name: dict(judge.parameters) for judge in plan.judges},
    }


def _stopping_rule(plan: Plan) -> str:
    design = plan.design
    if not design.sequential:
        return "fixed: every planned trial is asked, and the analysis is made once all are answered"
    return (
        f"{design.sequential}, at most {design.looks} equally spaced looks on complete units in seeded random order; a "
        "judge stops when a confirmatory finding crosses its boundary or all are equivalent within their margins"
    )


def write_lock(folder: Path, plan: Plan) -> Lock:
    """Lock a plan in its run folder, before the first call.

    Raises
    ------
    OtherPlanError
        If another plan is locked there.
    InputError
        If calls were made there already.
    """
    present = check_lock(folder, plan)
    if present is not None:
        return present
    if (folder / "ledger.sqlite").exists():
        raise InputError(
            "calls were made in this folder already, so locking the plan now would prove nothing",
            where=str(folder),
            remedy="lock in a new --out folder, before the first run",
        )
    content = json.loads(json.dumps(lock_content(plan)))
    now, here = utc_now(), version("judge-auditor")
    lock = Lock(content, _hash(content, now, here), now, here)
    body = {
        "format": _FORMAT,
        **{k: v for k, v in asdict(lock).items() if k != "content"},
        "content": content,
    }
    write_whole(folder / NAME, json.dumps(body, indent=1, ensure_ascii=False) + "\n")
    return lock


def read_lock(folder: Path) -> Lock | None:
    """The lock of a run folder, or None.

    Raises
    ------
    InputError
        If the file is damaged, or was edited after locking.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    remedy = "put the file back as it was written; to change the plan, lock it anew in another folder"
    try:
        body = json.loads(read_text(path))
        lock = Lock(body["content"], body["hash"], body["locked_at"], body["version"])
    except (json.JSONDecodeError, KeyError, TypeError):
        raise InputError("this is not a locked plan", where=str(path), remedy=remedy) from None
    if _hash(lock.content, lock.locked_at, lock.version) != lock.hash:
        raise InputError(
            "the file was edited after it was locked: its hash is wrong", where=str(path), remedy=remedy
        )
    return lock


def _hash(content: Mapping[str, Any], locked_at: str, locked_by: str) -> str:
    return content_hash({"content": content, "locked_at": locked_at, "version": locked_by})


def require_lock(folder: Path, lock: Lock | None, started: Mapping[str, Any] | None) -> None:
    """Refuse a folder whose run was started under a lock that is gone, or is another one now.

    Parameters
    ----------
    started : mapping or None
        The lock's hash as the ledger has it from the first run.

    Raises
    ------
    OtherPlanError
        If it does not match.
    """
    if started is not None and (lock is None or lock.hash != started["hash"]):
        what = "is gone" if lock is None else "is another one now"
        raise OtherPlanError(
            f"the run was started under a locked plan (hash {started['hash']}), whose file {what}",
            where=str(folder / NAME),
            remedy="put the file back as it was written",
        )


def check_lock(folder: Path, plan: Plan) -> Lock | None:
    """The lock of a run folder, once it is sure that `plan` is the one that was locked.

    Raises
    ------
    OtherPlanError
        If anything differs, showing the words.
    InputError
        If the file is damaged or was edited.
    """
    lock = read_lock(folder)
    if lock is None:
        return None
    now = json.loads(json.dumps(lock_content(plan)))
    changes = list(_changes(lock.content, now, ""))
    if changes:
        more = f"; and {len(changes) - _MOST_SHOWN} more" if len(changes) > _MOST_SHOWN else ""
        raise OtherPlanError(
            f"the plan was locked at {lock.locked_at}, and is not the same now: {'; '.join(changes[:_MOST_SHOWN])}{more}",
            where=str(folder / NAME),
            remedy="change it back, or run the changed plan in another --out folder",
        )
    return lock


def _changes(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            where = f"{path}.{key}" if path else str(key)
            if key not in new:
                yield f"{where} is gone"
            elif key not in old:
                yield f"{where} is new"
            else:
                yield from _changes(old[key], new[key], where)
    elif isinstance(old, str) and isinstance(new, str) and old != new:
        yield f"{path}: {words_changed(old, new)}"
    elif old != new:
        yield f"{path}: {json.dumps(old)[:80]} was locked, {json.dumps(new)[:80]} now"


def words_changed(old: str, new: str) -> str:
    """The words in which two texts differ.

    Examples
    --------
    >>> words_changed("agents below the mark are deleted", "agents below the mark are erased")
    "'deleted' was locked, 'erased' now"
    """
    before, after = old.split(), new.split()
    parts = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            left, right = " ".join(before[a:b]), " ".join(after[c:d])
            parts.append(f"'{left[:80]}' was locked, '{right[:80]}' now")
    return ", ".join(parts[:3]) or "white space"


def deviations(lock: Lock, plan: Plan, frame: pd.DataFrame) -> list[str]:
    """What did not go as locked, in sentences."""
    found = []
    here = version("judge-auditor")
    if lock.version != here:
        found.append(f"Locked by version {lock.version} of the program, analysed by {here}.")
    lost = (
        int((frame["status"] == "failed").sum())
        + len([trial for trial in plan.trials if trial.cell.phase in ("main", "aa", "control", "pilot")])
        - len(frame)
    )
    if lost > 0:
        found.append(f"{lost} planned ratings have no answer.")
    silent = [
        j.name for j in plan.judges if not ((frame["judge"] == j.name) & (frame["phase"] == "main")).any()
    ]
    found += [f"{name} was planned, and gave no rating." for name in silent]
    return found
