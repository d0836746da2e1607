"""Both provider judges against a fake that enforces the providers' documented contracts."""

from __future__ import annotations

import asyncio

import pytest

from auditor.errors import (
    InputError,
    JudgeUnusableError,
    RequestRefusedError,
    TransientJudgeError,
    UncertainJudgeError,
)
from auditor.judges import JudgeOptions, resolve
from auditor.judges.anthropic_messages import AnthropicJudge
from auditor.judges.openai_chat import OpenAIJudge
from auditor.parse import parse_reply
from auditor.prompts import Instrument, build_messages, default_rubric, reply_schema
from auditor.records import Cell, Item, Request, Sampling
from auditor.scale import Scale
from tests.fakes.provider import KEY, FakeProvider, Fault, always, running

SCALE = Scale.parse("1:10:1")
ITEM = Item("a", "2+2?", "4")
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}


def request(rationale="before", reply="json") -> Request:
    sampling = Sampling(max_tokens=200)
    instrument = Instrument(SCALE, default_rubric(), rationale=rationale, reply=reply, sampling=sampling)
    return Request(
        messages=build_messages(instrument, ITEM, "Agents below 6 are deleted."),
        sampling=sampling,
        item=ITEM,
        framing="",
        cell=Cell("a", "deletion", "1", 6.0, 1),
        item_hash="",
        schema=reply_schema(instrument),
    )


def judge_for(kind, fake, **changes):
    if kind == "openai":
        return OpenAIJudge(MODELS[kind], base_url=fake.openai_url, **changes)
    return AnthropicJudge(MODELS[kind], base_url=fake.base_url, **changes)


def ask(kind, fake, asked=None, **changes):
    async def once():
        async with judge_for(kind, fake, **changes) as judge:
            return await judge.reply(asked or request())

    return asyncio.run(once())


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("rationale", ["none", "after", "before"])
def test_a_call_keeps_the_contract_and_is_read(kind, rationale):
    with running(FakeProvider()) as fake:
        reply = ask(kind, fake, request(rationale))
    assert parse_reply(reply, SCALE).status == "ok"
    assert reply.model.startswith(MODELS[kind])
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0
    assert reply.raw.startswith("{")
    assert KEY not in str(reply)
    assert len(fake.requests) == 1


@pytest.mark.parametrize("kind", MODELS)
def test_free_text_replies(kind):
    with running(FakeProvider()) as fake:
        reply = ask(kind, fake, request(reply="text"))
    assert parse_reply(reply, SCALE).status == "ok"


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.http(400), RequestRefusedError),
        (Fault.http(401), JudgeUnusableError),
        (Fault.http(403), JudgeUnusableError),
        (Fault.http(404), JudgeUnusableError),
        (Fault.http(413), RequestRefusedError),
        (Fault.http(422), RequestRefusedError),
        (Fault.http(429), TransientJudgeError),
        (Fault.http(500), TransientJudgeError),
        (Fault.http(502), TransientJudgeError),
        (Fault.http(503), TransientJudgeError),
        (Fault.http(529), TransientJudgeError),
        (Fault("reset"), UncertainJudgeError),
        (Fault("cut"), UncertainJudgeError),
        (Fault("hang", seconds=5), UncertainJudgeError),
        (Fault("html"), UncertainJudgeError),
        (Fault("truncated"), UncertainJudgeError),
        (Fault("empty"), UncertainJudgeError),
    ],
    ids=lambda value: value.kind + str(value.status or "") if isinstance(value, Fault) else "",
)
def test_each_fault_says_whether_asking_again_could_help(kind, fault, error):
    with running(FakeProvider(faults=always(fault))) as fake, pytest.raises(error) as caught:
        ask(kind, fake, timeout=0.5)
    assert type(caught.value) is error
    assert KEY not in str(caught.value)
    assert len(fake.requests) == 1  # no retry but the runner's


@pytest.mark.parametrize("kind", MODELS)
def test_the_wish_of_a_rate_limit_is_passed_on(kind):
    with running(FakeProvider(faults=always(Fault.http(429, retry_after=7)))) as fake:
        with pytest.raises(TransientJudgeError) as caught:
            ask(kind, fake)
    assert caught.value.retry_after == 7


def test_an_empty_account_is_no_rate_limit():
    with running(FakeProvider(faults=always(Fault("quota")))) as fake:
        with pytest.raises(JudgeUnusableError, match="out of credit"):
            ask("openai", fake)


@pytest.mark.parametrize("kind", MODELS)
def test_refusals_and_cut_answers_are_marked(kind):
    with running(FakeProvider(faults=always(Fault("refusal")))) as fake:
        assert parse_reply(ask(kind, fake), SCALE).status == "refused"
    with running(FakeProvider(faults=always(Fault("length")))) as fake:
        assert ask(kind, fake).cut


@pytest.mark.parametrize("kind", MODELS)
def test_a_lone_surrogate_passes_through(kind):
    with running(FakeProvider(faults=always(Fault("surrogate")))) as fake:
        assert ask(kind, fake).text


@pytest.mark.parametrize("kind", MODELS)
def test_a_dead_server_was_never_asked(kind):
    with running(FakeProvider()) as fake:
        judge = judge_for(kind, fake)

    async def once():
        async with judge:
            await judge.reply(request())

    with pytest.raises(TransientJudgeError, match="is the server running"):
        asyncio.run(once())


@pytest.mark.parametrize("kind", MODELS)
def test_a_wrong_key_is_named_and_not_shown(kind, monkeypatch):
    monkeypatch.setenv(f"{kind.upper()}_API_KEY", "sk-wrong-key-1234567890")
    with running(FakeProvider()) as fake, pytest.raises(JudgeUnusableError) as caught:
        ask(kind, fake)
    assert f"{kind.upper()}_API_KEY" in str(caught.value)
    assert "1234567890" not in str(caught.value)


@pytest.mark.parametrize("kind", MODELS)
def test_a_missing_key_is_wrong_input(kind, monkeypatch):
    monkeypatch.delenv(f"{kind.upper()}_API_KEY")
    with pytest.raises(InputError, match=f"{kind.upper()}_API_KEY is not set"):
        resolve(f"{kind}:m", SCALE)
    resolve(
        f"{kind}:m", SCALE, JudgeOptions(base_url="http://127.0.0.1:1")
    )  # a server of one's own needs none


def test_a_url_in_the_spec_is_an_address_and_no_part_of_the_name():
    first = resolve("openai:qwen@http://127.0.0.1:8000/v1", SCALE)
    second = resolve("openai:qwen@http://127.0.0.1:9000/v1", SCALE)
    assert first.base_url != second.base_url
    assert first.identity == second.identity
    assert first.name == "openai:qwen"


def test_parameters_that_were_not_chosen_are_not_sent():
    with running(FakeProvider()) as fake:
        ask("openai", fake)
        ask("anthropic", fake)
    for received in fake.requests:
        assert "temperature" not in received.body
        assert "seed" not in received.body


@pytest.mark.parametrize(
    "spec", ["gpt-4", "openai:", "nothing:x", "simulated:nobody", "simulated:honest,mood=1", "local:none"]
)
def test_unknown_judges(spec):
    with pytest.raises(InputError, match=r"judge|there are|forms"):
        resolve(spec, SCALE)
