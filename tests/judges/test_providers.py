"""Providers by name: each preset against a stand-in that enforces its provider's documented contract."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

import auditor
from auditor.collect import Ledger
from auditor.errors import InputError, JudgeUnusableError, RequestRefusedError, TransientJudgeError
from auditor.judges import JudgeOptions, load_providers, resolve
from auditor.judges.providers import built_in
from auditor.parse import parse_reply
from auditor.prompts import Instrument, build_messages, default_rubric, item_block, reply_schema
from auditor.records import Cell, Item, Request, Sampling
from auditor.scale import Scale
from auditor.study.prices import GivenPrices, price_of
from tests.fakes.flavours import FLAVOURS
from tests.fakes.provider import KEY, FakeProvider, Fault, always, running

SCALE = Scale.parse("1:10:1")
ITEM = Item("a", "2+2?", "4")
#: The judges of the published study, each by one spec, with where the stand-in answers for its provider.
SEED = {
    "openai:gpt-5.2": "/v1",
    "google:gemini-3-pro": "/google",
    "google:gemini-3-flash": "/google",
    "anthropic:claude-haiku-4-5": "",
    "zai:glm-4.7": "/zai",
    "moonshot:kimi-k2.5": "/moonshot",
    "deepseek:deepseek-v3.1": "/deepseek",
}
MORE = {
    "deepseek:deepseek-v4-flash": "/deepseek",
    "together:deepseek-ai/DeepSeek-V3.1": "/together",
    "openrouter:deepseek/deepseek-chat-v3.1": "/openrouter",
    "mistral:mistral-small-latest": "/mistral",
    "groq:openai/gpt-oss-20b": "/groq",
    "groq:llama-3.3-70b-versatile": "/groq",
    "openai:gpt-5": "/v1",
    "openai:gpt-4o-mini": "/v1",
    "openai:o3": "/v1",
}
ALL = {**SEED, **MORE}


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for provider in built_in().values():
        monkeypatch.setenv(provider.key, KEY)
        monkeypatch.delenv(provider.url_variable or "-", raising=False)


def request(shared=0, framing="", temperature=None, max_tokens=400, **changes) -> Request:
    sampling = Sampling(temperature, max_tokens)
    placement = "user" if shared else "system"
    instrument = Instrument(SCALE, default_rubric(), placement, sampling=sampling)
    asked = Request(
        messages=build_messages(instrument, ITEM, framing),
        sampling=sampling,
        item=ITEM,
        framing=framing,
        cell=Cell("a", "deletion", "1", 6.0, 1),
        item_hash="",
        schema=reply_schema(instrument),
        shared=shared,
    )
    return replace(asked, **changes)


def ask(judge, asked=None):
    async def once():
        async with judge:
            return await judge.reply(asked or request())

    return asyncio.run(once())


def at(fake, spec, **options):
    return resolve(f"{spec}@{fake.base_url}{ALL[spec.partition(',')[0]]}", SCALE, JudgeOptions(**options))


# The judges of the published study


def test_the_judges_of_the_published_study_are_audited_together(tmp_path):
    # Haiku reasons only if asked to, which the stand-in for its protocol does not know: no tokens of it then.
    with running(FakeProvider(cached_tokens=20)) as fake:
        result = auditor.audit(
            [f"{spec}@{fake.base_url}{path}" for spec, path in SEED.items()],
            "checkable",
            scale="1:10",
            threshold=6,
            limit=2,
            out=tmp_path / "run",
        )
        models = [one.body["model"] for one in fake.requests]
    assert list(result.ratings["status"]) == ["ok"] * 28  # 7 judges x 2 items x 2 arms
    assert set(result.ratings["judge"]) == set(SEED)
    assert len(models) == 28  # nothing was refused, nothing was asked twice
    assert set(models) == {
        *("gpt-5.2", "gemini-3-pro-preview", "gemini-3-flash-preview", "claude-haiku-4-5"),
        *("glm-4.7", "kimi-k2.5", "deepseek-v3.1"),
    }
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        served = {row["judge"]: row["model"] for row in ledger.totals()["models"]}
    assert served["openai:gpt-5.2"] == "gpt-5.2-2025-12-11"
    assert served["anthropic:claude-haiku-4-5"] == "claude-haiku-4-5-20251001"
    assert KEY not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("spec", ALL)
def test_a_call_keeps_the_contract_of_its_provider(spec):
    with running(FakeProvider()) as fake:
        reply = ask(at(fake, spec))
        sent = fake.requests[0].body
    assert parse_reply(reply, SCALE).status == "ok"
    stored = {name: value for name, value in sent.items() if name not in ("model", "messages", "system")}
    asked = {name: value for name, value in reply.sent.items() if name != "model"}
    assert asked == stored  # what is stored with a reply is what was sent
    assert KEY not in json.dumps(reply.sent)


@pytest.mark.parametrize("spec", ALL)
def test_all_that_may_be_set_is_taken(spec):
    """Every effort, with and without the other parameters, is either refused here or taken there."""
    provider, _, model = spec.partition(":")
    with running(FakeProvider()) as fake:
        terms = built_in()[provider].terms_of(model, at_home=not spec.startswith("openai:gpt-4"))
        for effort in (None, *terms.efforts):
            named = spec if effort is None else f"{spec},effort={effort}"
            reply = ask(at(fake, named))
            fragment = dict(terms.efforts[effort]) if effort else {}
            for name, value in fragment.items():
                assert (
                    (value.items() <= reply.sent[name].items())
                    if isinstance(value, dict)
                    else reply.sent[name] == value
                )
            for temperature in (0.0, 1.0):
                judge = at(fake, named)
                asked = request(temperature=temperature)
                try:
                    judge.check(asked.sampling)
                except InputError:
                    assert "temperature" not in terms.takes or effort != "none"
                else:
                    assert ask(judge, asked).sent["temperature"] == temperature
            try:
                judge = at(fake, named, logprobs=True)
            except InputError:
                continue
            assert ask(judge).sent["top_logprobs"] == 20
        assert set(fake.outcomes.values()) == {"200"}


def test_what_a_model_does_not_take_is_never_sent_whoever_asks():
    chosen = request(sampling=Sampling(0.5, 400, seed=7))
    with running(FakeProvider()) as fake:
        kimi = ask(at(fake, "moonshot:kimi-k2.5"), chosen).sent
        gemini = ask(at(fake, "google:gemini-3-flash"), chosen).sent
        mistral = ask(at(fake, "mistral:mistral-small-latest"), chosen).sent
    assert "temperature" not in kimi
    assert (gemini["temperature"], "seed" in gemini) == (0.5, False)
    assert (mistral["random_seed"], "seed" in mistral) == (7, False)


def raw_post(fake, path, body):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    asked = urllib.request.Request(fake.base_url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("name", "extra", "status"),
    [
        ("google", {"seed": 1}, 400),
        ("google", {"logprobs": True}, 400),
        ("google", {"reasoning_effort": "minimal"}, 400),
        ("google", {"reasoning_effort": "medium"}, 400),
        ("zai", {"temperature": 1.5}, 400),
        ("zai", {"response_format": {"type": "json_schema"}}, 400),
        ("zai", {"reasoning_effort": "low"}, 400),
        ("moonshot", {"temperature": 0.5}, 400),
        ("moonshot", {"logprobs": True}, 400),
        ("deepseek", {"response_format": {"type": "json_schema"}}, 400),
        ("deepseek", {"thinking": {"type": "enabled"}, "logprobs": True}, 400),
        ("deepseek", {"seed": 1}, 422),
        ("together", {"logprobs": True}, 400),
        ("openrouter", {"reasoning": {"effort": "huge"}}, 400),
        ("mistral", {"seed": 1}, 422),
        ("mistral", {"logprobs": True}, 422),
        ("groq", {"logprobs": True}, 400),
    ],
)
def test_the_stand_ins_refuse_what_their_providers_refuse(name, extra, status):
    model = next(iter(FLAVOURS[name].models))
    with running(FakeProvider()) as fake:
        plain = {"model": model, "messages": [{"role": "user", "content": "json, please"}]}
        assert raw_post(fake, f"/{name}/chat/completions", plain) == 200
        assert raw_post(fake, f"/{name}/chat/completions", {**plain, **extra}) == status


# Errors


@pytest.mark.parametrize("spec", SEED)
def test_a_wrong_key_is_named_and_not_shown(spec, monkeypatch):
    provider = built_in()[spec.partition(":")[0]]
    monkeypatch.setenv(provider.key, "gsk_neither_sk_nor_AIza")
    with running(FakeProvider()) as fake, pytest.raises(JudgeUnusableError) as caught:
        ask(at(fake, spec))
    assert provider.key in str(caught.value)
    assert "neither_sk" not in str(caught.value)


@pytest.mark.parametrize(
    "spec", [*SEED, "mistral:mistral-small-latest", "openrouter:deepseek/deepseek-chat-v3.1"]
)
def test_a_model_that_does_not_exist_ends_that_judge(spec):
    provider = spec.partition(":")[0]
    with running(FakeProvider()) as fake:
        judge = resolve(f"{provider}:no-such-model@{fake.base_url}{ALL[spec]}", SCALE)
        with pytest.raises(JudgeUnusableError, match="knows no model 'no-such-model'"):
            ask(judge)


def test_googles_words_for_a_limit_a_minute_are_no_empty_account():
    with running(FakeProvider(faults=always(Fault.http(429)))) as fake:
        with pytest.raises(TransientJudgeError) as caught:
            ask(at(fake, "google:gemini-3-flash"))
    # The header of the fault says 1, which counts before the 7 in the body.
    assert caught.value.retry_after == 1
    assert caught.value.limited


def test_googles_wish_stands_in_the_body():
    from auditor.judges.http_errors import status_error

    body = '[{"error": {"message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "7.5s"}]}}]'
    error = status_error(429, body, {}, model="m", address="a", key_name="k")
    assert (type(error), error.retry_after) == (TransientJudgeError, 7.5)
    assert "slow" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (402, '{"error": {"message": "Insufficient Balance"}}', JudgeUnusableError),
        (
            429,
            '{"error": {"code": "1113", "message": "Insufficient balance or no resource package."}}',
            JudgeUnusableError,
        ),
        (
            429,
            '{"error": {"type": "exceeded_current_quota_error", "message": "suspended"}}',
            JudgeUnusableError,
        ),
        (429, '{"error": {"type": "engine_overloaded_error", "message": "try again"}}', TransientJudgeError),
        (429, '{"error": {"code": "1302", "message": "High concurrency usage"}}', TransientJudgeError),
        (400, '{"error": {"message": "This model does not support json_schema"}}', RequestRefusedError),
        (422, '{"detail": "Extra inputs are not permitted"}', RequestRefusedError),
        (503, "[]", TransientJudgeError),
        (400, "[1]", RequestRefusedError),
    ],
)
def test_what_providers_say_in_their_own_words(status, body, kind):
    from auditor.judges.http_errors import status_error

    assert type(status_error(status, body, {}, model="m", address="a", key_name="k")) is kind


# What is asked of the wrong model is refused before anything is asked


@pytest.mark.parametrize(
    ("spec", "settings", "words"),
    [
        ("openai:gpt-5", {"temperature": 0}, "takes no temperature"),
        ("openai:gpt-5.2,effort=high", {"temperature": 0}, "while it reasons.*effort=none"),
        ("openai:gpt-5.2,effort=huge", {}, "takes none, low, medium, high, xhigh"),
        ("openai:gpt-4.1", {"reasoning_effort": "low"}, "it takes none at all"),
        ("moonshot:kimi-k2.5", {"temperature": 1}, "takes no temperature"),
        ("zai:glm-4.7", {"temperature": 1.5}, "temperatures up to 1"),
        ("zai:glm-4.7", {"logprobs": True}, "takes no logprobs"),
        ("deepseek:deepseek-v4-flash", {"logprobs": True}, "effort=none"),
        ("google:gemini-3-flash", {"logprobs": True}, "takes no logprobs"),
        ("anthropic:claude-haiku-4-5", {"logprobs": True}, "takes no logprobs"),
        ("anthropic:claude-haiku-4-5,effort=low", {}, "it takes none"),
        ("anthropic:claude-haiku-5-5", {"temperature": 0}, "takes no temperature"),
        ("lmstudio:m", {"logprobs": True}, "takes no logprobs"),
        ("simulated:honest", {"reasoning_effort": "low"}, "takes no reasoning effort"),
        ("function:json:dumps", {"logprobs": True}, "gives no probabilities"),
        ("google:gemini-3-pro", {}, "9 March 2026.*gemini-3.1-pro-preview.*@URL"),
        ("deepseek:deepseek-v3.1", {}, "together:deepseek-ai/DeepSeek-V3.1"),
        ("openai:gpt-5.2-pro", {}, "Responses"),
        ("openai:gpt-5.2,mood=low", {}, "is no setting of a judge"),
        ("openai:gpt-5.2,effort=low,effort=high", {}, "is no setting of a judge"),
        ("openai:,effort=low", {}, "no model is named"),
        ("nobody:m", {}, "names no judge.*zai:MODEL"),
    ],
)
def test_wrong_settings_are_wrong_input(spec, settings, words, tmp_path):
    with pytest.raises(InputError, match=f"(?s){words}"):
        auditor.audit(spec, "checkable", scale="1:10", threshold=6, limit=2, out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_gone_model_may_be_served_elsewhere():
    judge = resolve("google:gemini-3-pro@https://gateway.example/v1", SCALE)
    assert (judge.base_url, judge.model) == ("https://gateway.example/v1", "gemini-3-pro-preview")


@pytest.mark.parametrize("key", ["two\nlines", "kéy"])
def test_a_key_that_no_header_can_hold(key, monkeypatch):
    monkeypatch.setenv("ZAI_API_KEY", key)
    with pytest.raises(InputError, match="ZAI_API_KEY holds characters") as caught:
        resolve("zai:glm-4.7", SCALE)
    assert key not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, one in built_in().items() if one.key_needed])
def test_a_missing_key_is_wrong_input(name, monkeypatch):
    monkeypatch.setenv(built_in()[name].key, " ")
    with pytest.raises(InputError, match=f"{built_in()[name].key} is not set"):
        resolve(f"{name}:m", SCALE)
    assert resolve(f"{name}:m", SCALE, JudgeOptions(keyless=True)).name == f"{name}:m"


@pytest.mark.parametrize("name", [name for name, one in built_in().items() if not one.key_needed])
def test_servers_of_ones_own_need_no_key_and_take_the_base_url(name, monkeypatch):
    monkeypatch.delenv(built_in()[name].key)
    assert resolve(f"{name}:m", SCALE).base_url == built_in()[name].base_url
    elsewhere = JudgeOptions(base_url="http://127.0.0.1:9/v1")
    assert resolve(f"{name}:m", SCALE, elsewhere).base_url == "http://127.0.0.1:9/v1"
    assert resolve("zai:glm-4.7", SCALE, elsewhere).base_url == built_in()["zai"].base_url


# What a judge is


def test_nothing_chosen_leaves_the_identity_as_it_was():
    """Trial ids of earlier runs are hashes of it."""
    judge = resolve("openai:gpt-4.1-mini", SCALE)
    assert (judge.name, dict(judge.identity.parameters)) == ("openai:gpt-4.1-mini", {})


def test_what_was_chosen_is_part_of_what_a_judge_is():
    low, high = (resolve(f"openai:gpt-5.2,effort={effort}", SCALE) for effort in ("low", "high"))
    assert low.name == "openai:gpt-5.2,effort=low" != high.name
    assert low.identity.parameters == {"reasoning_effort": "low"}
    assert low.identity.model == "gpt-5.2"
    assert resolve("openai:gpt-5.2", SCALE, JudgeOptions(reasoning_effort="low")).identity.parameters == {
        "reasoning_effort": "low"
    }
    assert resolve("openai:gpt-5.2", SCALE, JudgeOptions(logprobs=True)).identity.parameters == {
        "logprobs": 20
    }
    assert resolve("google:gemini-3-flash", SCALE).identity.parameters == {"model": "gemini-3-flash-preview"}


def test_two_efforts_of_one_model_are_two_judges_of_one_plan(tmp_path):
    with running(FakeProvider()) as fake:
        judges = [f"openai:gpt-5.2,effort={effort}@{fake.openai_url}" for effort in ("none", "low")]
        result = auditor.audit(judges, "checkable", scale="1:10", threshold=6, limit=2, out=tmp_path / "run")
        efforts = sorted(one.body["reasoning_effort"] for one in fake.requests)
        limits = {one.body["reasoning_effort"]: one.body["max_completion_tokens"] for one in fake.requests}
    assert set(result.ratings["status"]) == {"ok"}
    assert efforts == ["low"] * 4 + ["none"] * 4
    assert limits == {"none": 400, "low": 400 + 8192}  # room to reason, beside the answer's 400


def test_a_limit_that_the_user_states_is_the_limit_of_all(tmp_path):
    with running(FakeProvider()) as fake:
        spec = f"zai:glm-4.7@{fake.base_url}/zai"
        auditor.audit(
            spec, "checkable", scale="1:10", threshold=6, limit=1, max_tokens=300, out=tmp_path / "run"
        )
        assert {one.body["max_tokens"] for one in fake.requests} == {300}


def test_prices_are_found_under_the_providers_own_names():
    specs = {
        "moonshot:kimi-k2.5": "Kimi K2.5",
        "google:gemini-3-flash": "Gemini 3 Flash Preview",
        "zai:glm-4.7": "GLM-4.7",
        "openai:gpt-5.2,effort=low": "GPT-5.2",
        "together:deepseek-ai/DeepSeek-V3.1": "DeepSeek-V3.1",
    }
    for spec, name in specs.items():
        price = price_of(resolve(spec, SCALE).identity, GivenPrices())
        assert price.input > 0, spec
        assert name in price.source
    assert price_of(resolve("ollama:llama3.2", SCALE).identity, GivenPrices()).input == 0


# The prompt cache


@pytest.mark.parametrize(("spec", "counted"), [(spec, 20) for spec in SEED])
def test_tokens_from_a_cache_are_counted_under_every_name(spec, counted):
    with running(FakeProvider(cached_tokens=20)) as fake:
        usage = ask(at(fake, spec)).usage
    assert usage.cached_tokens == counted
    assert usage.input_tokens > counted


def test_reasoning_that_google_counts_in_the_total_only_is_paid_for():
    with running(FakeProvider(reasoning_tokens=900)) as fake:
        usage = ask(at(fake, "google:gemini-3-pro"), request(max_tokens=2000)).usage
    assert usage.output_tokens > 900


def test_after_the_item_the_shared_prefix_is_marked_for_the_cache(tmp_path):
    with running(FakeProvider()) as fake:
        for placement in ("user", "system"):
            auditor.audit(
                f"anthropic:claude-haiku-4-5@{fake.base_url}",
                "checkable",
                scale="1:10",
                threshold=6,
                limit=1,
                arms="neutral,decoupled,deletion",
                placement=placement,
                noise_floor=False,
                out=tmp_path / placement,
            )
        marked, plain = fake.requests[:3], fake.requests[3:]
    first = [one.body["messages"][-1]["content"] for one in marked]
    assert (
        len({(one.body["system"], json.dumps(parts[0])) for one, parts in zip(marked, first, strict=True)})
        == 1
    )
    assert len({parts[1]["text"] for parts in first}) == 3
    for parts in first:
        assert parts[0]["cache_control"] == {"type": "ephemeral"}
        assert "cache_control" not in parts[1]
        assert parts[0]["text"].startswith("<work-")
    # In the system prompt arms share nothing, and to write a cache costs more than to write none.
    assert all(isinstance(one.body["messages"][-1]["content"], str) for one in plain)


def test_the_two_blocks_are_the_turn_and_nothing_else():
    start = f"{item_block(ITEM)}\n\n"
    asked = request(shared=len(start), framing="Agents below 6 are deleted.")
    with running(FakeProvider()) as fake:
        ask(at(fake, "anthropic:claude-haiku-4-5"), asked)
        parts = fake.requests[0].body["messages"][-1]["content"]
    assert parts[0]["text"] == start
    assert "".join(part["text"] for part in parts) == asked.messages[-1].content


# Answers in other forms


def test_an_answer_in_parts_without_its_reasoning():
    from auditor.judges.openai_chat import read_completion

    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Score: 1?"}]}
    message = {"content": [thinking, {"type": "text", "text": "Score: 7"}, {"type": "text", "text": None}, 5]}
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    assert read_completion(json.dumps(body), "a", {}).text == "Score: 7"
    filtered = {"choices": [{"message": {"content": ""}, "finish_reason": "sensitive"}]}
    assert read_completion(json.dumps(filtered), "a", {}).refused


def test_expected_scores_are_stored_beside_the_sampled_ones(tmp_path):
    with running(FakeProvider()) as fake:
        spec = f"openai:gpt-4o-mini@{fake.openai_url}"
        settings = {"scale": "1:10", "threshold": 6, "limit": 4, "rationale": "none"}
        result = auditor.audit(spec, "checkable", **settings, logprobs=True, out=tmp_path / "run")
        assert all(one.body["top_logprobs"] == 20 for one in fake.requests)
    # The stand-in is sure of what it says.
    assert result.ratings["expected_score"].tolist() == pytest.approx(
        result.ratings["score"].tolist(), abs=1e-9
    )


# A file of the user's own


def write(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_provider_of_ones_own(tmp_path, monkeypatch):
    with running(FakeProvider()) as fake:
        path = write(
            tmp_path,
            f"""
            [ours]
            base_url = "{fake.base_url}/zai/"
            dialect = "openai"
            key = "OURS_KEY"
            json = "object"
            takes = ["temperature"]
            [[ours.models]]
            match = "best*"
            name = "glm-4.7"
            reasons = true
            room = 100
            efforts = {{ none = {{ thinking = {{ type = "disabled" }} }} }}
            """,
        )
        monkeypatch.setenv("OURS_KEY", KEY)
        judge = resolve("ours:Best-1,effort=none", SCALE, JudgeOptions(providers=path))
        reply = ask(judge)
        asked = fake.requests[0].body
    assert judge.name == "ours:Best-1,effort=none"
    assert (asked["model"], asked["thinking"]) == ("glm-4.7", {"type": "disabled"})
    assert reply.sent["model"] == "glm-4.7"
    assert price_of(judge.identity, GivenPrices()) is None


def test_one_may_begin_from_ours_and_take_its_place(tmp_path):
    path = write(
        tmp_path,
        '[gpu]\nlike = "vllm"\nbase_url = "http://gpu.example/v1"\n[zai]\nlike = "zai"\nkey = "OTHER"\n',
    )
    found = load_providers(path)
    assert found["gpu"].terms == built_in()["vllm"].terms
    assert found["gpu"].base_url == "http://gpu.example/v1"
    assert (found["zai"].key, found["zai"].exceptions) == ("OTHER", built_in()["zai"].exceptions)
    assert built_in()["zai"].key == "ZAI_API_KEY"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a", "not TOML"),
        ("a = 1", "a table was expected"),
        ('[local]\nlike = "vllm"', "cannot be the name"),
        ('["a b"]\nlike = "vllm"', "cannot be the name"),
        ('[a]\nlike = "nobody"', "no provider 'nobody'"),
        ('[a]\nbase_url = "http://a"', "'dialect' is missing"),
        ('[a]\nbase_url = "a"\ndialect = "openai"', "begins with http"),
        ('[a]\nbase_url = "http://a"\ndialect = "soap"', "one of openai, anthropic"),
        ('[a]\nlike = "vllm"\nmood = 1', "'mood' is not known"),
        ('[a]\nlike = "vllm"\ntakes = ["top_p"]', "takes temperature, seed, logprobs"),
        ('[a]\nlike = "zai"\nunreasoned = ["seed"]', "what 'takes' names"),
        ('[a]\nlike = "vllm"\ntakes = 1', "a list of texts"),
        ('[a]\nlike = "vllm"\njson = "xml"', "schema, object, text"),
        ('[a]\nlike = "vllm"\nroom = true', "wrong kind"),
        ('[a]\nlike = "vllm"\nroom = -1', "from 0 up"),
        ('[a]\nlike = "vllm"\nlimit = "tokens"', "max_tokens"),
        ('[a]\nlike = "vllm"\nefforts = { low = 1 }', "takes a table"),
        ('[a]\nlike = "vllm"\nmodels = 1', "takes tables"),
        ('[a]\nlike = "vllm"\n[[a.models]]\nname = "b"', "takes a list of texts"),
        ('[a]\nlike = "vllm"\n[[a.models]]\nmatch = "b"\nkey = "K"', "'key' is not known"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_place(text, words, tmp_path):
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=words) as caught:
        load_providers(path)
    assert str(path) in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        load_providers(tmp_path / "none.toml")


def test_every_preset_says_what_a_user_must_know():
    for provider in built_in().values():
        for text in (provider.title, provider.docs, provider.limits, provider.key, *provider.examples):
            assert text, provider.name
        assert provider.prices
        for terms in (provider.terms, *(terms for _, terms in provider.exceptions)):
            assert not terms.reasons or terms.room
            assert not terms.extra or provider.name == "openrouter"


@pytest.mark.parametrize("spec", [s for s in SEED if not s.startswith(("anthropic", "openai", "deepseek"))])
def test_judges_that_reason_by_themselves_have_room_for_it(spec, tmp_path):
    """900 tokens of reasoning would leave nothing of 400."""
    with running(FakeProvider(reasoning_tokens=900)) as fake:
        named = f"{spec}@{fake.base_url}{SEED[spec]}"
        result = auditor.audit(named, "checkable", scale="1:10", threshold=6, limit=2, out=tmp_path / "run")
    assert set(result.ratings["status"]) == {"ok"}


def test_the_limit_of_tokens_has_its_older_name_elsewhere_but_for_models_that_refuse_it():
    assert resolve("openai:gpt-4.1", SCALE).terms.limit == "max_completion_tokens"
    assert resolve("openai:qwen@http://127.0.0.1:8000/v1", SCALE).terms.limit == "max_tokens"
    assert resolve("openai:o3@http://127.0.0.1:8000/v1", SCALE).terms.limit == "max_completion_tokens"
