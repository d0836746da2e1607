"""From an item, an arm's framing and a design to the messages that a judge reads. Pure.

The item stands in a block whose delimiter is derived from the item's own content and does not occur in it, so no
text can close the block. The block depends on the item alone: its hash proves that two arms judged the same thing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files as package_files
from typing import Any, Literal

from auditor.errors import InputError
from auditor.records import Item, Message, Placement, RationaleOrder, Sampling, content_hash
from auditor.scale import Scale

ReplyFormat = Literal["json", "text"]
_TOKENS = {"none": 48, "after": 400, "before": 400}


@dataclass(frozen=True, slots=True)
class Instrument:
    """Everything about the questioning that is the same in every trial.

    Parameters
    ----------
    scale : Scale
        The scores allowed.
    rubric : str
        What is judged.
    placement : {'system', 'user', 'policy'}
        Where the framing stands: in the system prompt; after the item, so that arms share their prefix; or in the third
        section of a company document in the system prompt.
    rationale : {'none', 'after', 'before'}
        Whether the judge gives a reason, and on which side of the score.
    reply : {'json', 'text'}
        A JSON object held to a schema, or free text that is parsed.
    sampling : Sampling
        How the judge's model samples.
    """

    scale: Scale
    rubric: str
    placement: Placement = "system"
    rationale: RationaleOrder = "before"
    reply: ReplyFormat = "json"
    sampling: Sampling = field(default_factory=Sampling)


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads((package_files("auditor") / "texts" / "prompts.toml").read_text(encoding="utf-8"))


def default_rubric() -> str:
    """The rubric that is used where the user gives none."""
    return str(_texts()["rubric"]).strip()


def default_max_tokens(rationale: RationaleOrder) -> int:
    """Room for an answer: a bare score, or a score and two sentences."""
    return _TOKENS[rationale]


def item_tag(item: Item) -> str:
    """A delimiter for the item's block that does not occur in the item's texts.

    Examples
    --------
    >>> tag = item_tag(Item("a", "2+2?", "4"))
    >>> tag == item_tag(Item("b", "2+2?", "4")), tag.startswith("work-")
    (True, True)
    """
    texts = [item.task, item.output, item.reference or ""]
    haystack = "\n".join(texts).casefold()
    salt = 0
    while True:
        tag = f"work-{content_hash([*texts, salt])[:10]}"
        if tag not in haystack:
            return tag
        salt += 1


def item_block(item: Item) -> str:
    """The delimited block that holds the item: task, reference if there is one, output."""
    tag = item_tag(item)
    parts = [f"Task:\n{item.task}"]
    if item.reference:
        parts.append(f"Reference answer:\n{item.reference}")
    parts.append(f"Output to be scored:\n{item.output}")
    inner = f"\n</{tag}>\n<{tag}>\n".join(parts)
    return f"<{tag}>\n{inner}\n</{tag}>"


def block_hash(item: Item) -> str:
    """SHA-256 of the item's block."""
    return content_hash(item_block(item))


def sent_block_hash(messages: tuple[Message, ...], item: Item) -> str:
    """Hash of the block as it really stands in `messages`; empty if it does not stand there whole, once."""
    tag = item_tag(item)
    text = "\n".join(message.content for message in messages if message.role == "user")
    start, end = text.find(f"<{tag}>"), text.rfind(f"</{tag}>")
    if start < 0 or end < 0:
        return ""
    return content_hash(text[start : end + len(tag) + 3])


def build_messages(
    instrument: Instrument, item: Item, framing: str, probe: str | None = None
) -> tuple[Message, ...]:
    """The conversation for one trial: a system prompt, and a fresh user turn with the item.

    Everything about the peer stands in `framing`; nothing else differs between arms.

    Parameters
    ----------
    probe : {'comprehension', 'awareness'}, optional
        Ask this question about the review, in place of a score.
    """
    texts = _texts()
    system = (
        str(texts["system"])
        .strip()
        .format(
            rubric=instrument.rubric.strip(),
            scale=instrument.scale.describe(),
            tag=item_tag(item),
            reply=_reply_words(instrument)
            if probe is None
            else str(texts["questions"]["reply"][instrument.reply]),
        )
    )
    user = [item_block(item)]
    if instrument.placement == "policy":
        policy = str(texts["policy"]).strip().replace("{framing}", framing or str(texts["policy_empty"]))
        system = f"{system}\n\n{policy}"
    elif framing and instrument.placement == "system":
        system = f"{system}\n\n{framing}"
    elif framing:
        user.append(framing)
    user.append(str(texts["closing"]) if probe is None else _question(probe))
    return (Message("system", system), Message("user", "\n\n".join(user)))


def probe_answers(probe: str) -> dict[str, str]:
    """The answers that a question about the review allows, each with its meaning."""
    return dict(_texts()["questions"][probe]["answers"])


def _question(probe: str) -> str:
    answers = "\n".join(f"- {word}: {meaning}" for word, meaning in probe_answers(probe).items())
    return f"{str(_texts()['questions'][probe]['ask']).strip()}\n\nAnswer with one of these words:\n{answers}"


def probe_schema(instrument: Instrument, probe: str) -> dict[str, Any] | None:
    """JSON Schema of the answer to a question about the review, or None for free text."""
    if instrument.reply == "text":
        return None
    answer = {"type": "string", "enum": list(probe_answers(probe))}
    return {
        "type": "object",
        "properties": {"answer": answer},
        "required": ["answer"],
        "additionalProperties": False,
    }


def _reply_words(instrument: Instrument) -> str:
    return (
        str(_texts()["reply"][instrument.reply][instrument.rationale]).replace("{{", "{").replace("}}", "}")
    )


@lru_cache(maxsize=64)
def reply_schema(instrument: Instrument, *, bounded_text: bool = False) -> dict[str, Any] | None:
    """JSON Schema of the reply, or None for free text.

    Scores that can be listed are an ``enum``, which every provider's strict mode takes; ranges are not taken by all.
    The order of the properties is the order of writing, so it decides whether the reason comes before the score.

    Parameters
    ----------
    instrument : Instrument
        Scale, and place of the rationale.
    bounded_text : bool
        Whether the server takes ``maxLength``, which keeps a small model from running on for ever.
    """
    if instrument.reply == "text":
        return None
    scale = instrument.scale
    score: dict[str, Any]
    if scale.labels:
        score = {"type": "string", "enum": list(scale.labels)}
    elif values := scale.values():
        whole = all(float(value).is_integer() for value in values)
        score = {
            "type": "integer" if whole else "number",
            "enum": [int(v) for v in values] if whole else list(values),
        }
    else:
        score = {"type": "number"}
    text: dict[str, Any] = {"type": "string", **({"maxLength": 300} if bounded_text else {})}
    order: Mapping[RationaleOrder, list[str]] = {
        "none": ["score"],
        "after": ["score", "rationale"],
        "before": ["rationale", "score"],
    }
    names = order[instrument.rationale]
    properties = {name: score if name == "score" else text for name in names}
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def check_rubric(rubric: str) -> str:
    """Refuse an empty rubric.

    Raises
    ------
    InputError
        If nothing but white space is left.
    """
    if not rubric.strip():
        raise InputError(
            "the rubric is empty", where="rubric", remedy="say what is to be judged, or leave it out"
        )
    return rubric
