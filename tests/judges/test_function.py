import asyncio

import numpy as np
import pytest

from auditor.errors import InputError, RequestRefusedError
from auditor.judges.function import FunctionJudge, import_function
from auditor.parse import parse_reply
from auditor.records import Cell, Item, Message, Request, Sampling
from auditor.scale import Scale

SCALE = Scale.parse("0:10:1")
REQUEST = Request(
    messages=(Message("system", "sys"), Message("user", "usr")),
    sampling=Sampling(),
    item=Item("a", "2+2?", "4"),
    framing="stakes",
    cell=Cell("a", "deletion", "1", 6.0, 1),
    item_hash="",
)


def ask(function):
    return asyncio.run(FunctionJudge(function).reply(REQUEST))


def rate(function):
    return parse_reply(ask(function), SCALE)


def test_the_three_forms():
    seen = []

    def by_prompt(prompt):
        seen.append(prompt)
        return 7

    def by_messages(messages):
        seen.append(messages)
        return "Score: 7"

    def by_item(item, framing):
        seen.append((item.output, framing))
        return {"score": 7, "rationale": "fine"}

    async def awaited(prompt):
        return 7.0

    class Callable:
        def __call__(self, item, framing):
            return np.float64(7)

    for function in (by_prompt, by_messages, by_item, awaited, Callable()):
        assert rate(function).score == 7
    assert seen[0] == "sys\n\nusr"
    assert seen[1] == [{"role": "system", "content": "sys"}, {"role": "user", "content": "usr"}]
    assert seen[2] == ("4", "stakes")


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (None, "unparseable"),
        ("I can't judge this", "refused"),
        (99, "unparseable"),
        (float("nan"), "unparseable"),
        ([], "unparseable"),
    ],
)
def test_odd_answers(value, status):
    assert rate(lambda prompt: value).status == status


def test_an_exception_is_a_failed_trial_with_its_text():
    def broken(prompt):
        raise KeyError("score")

    with pytest.raises(RequestRefusedError, match="raised KeyError"):
        ask(broken)


def test_functions_of_other_forms_are_refused():
    with pytest.raises(InputError, match=r"f\(item, framing\)"):
        FunctionJudge(lambda a, b, c: 1)


def test_an_edited_function_is_another_judge():
    def one(prompt):
        return 1

    def two(prompt):
        return 2

    assert FunctionJudge(one, "f").identity != FunctionJudge(two, "f").identity


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("nocolon", "module:name"),
        ("no_such_module:f", "could not be imported"),
        ("json:nope", "nope"),
        ("json:__name__", "not a function"),
    ],
)
def test_imports_that_fail(path, what):
    with pytest.raises(InputError, match=what):
        import_function(path)
