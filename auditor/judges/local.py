"""Local judges: weights verified by hash and served in this process, on a loopback port, by llama.cpp."""

from __future__ import annotations

import asyncio
import hashlib
import json
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor.errors import InputError, JudgeUnusableError, MissingExtraError
from auditor.judges.base import Judge
from auditor.judges.openai_chat import OpenAIJudge
from auditor.judges.providers import built_in
from auditor.judges.weights import file_sha256, known_weights, verified_path
from auditor.records import JudgeIdentity, Reply, Request

_CONTEXT = 8192


class LocalJudge(Judge):
    """A model in this process, without key or network.

    Parameters
    ----------
    name : str
        A name of `known_weights`, or the path of a GGUF file.
    threads : int
        Threads of the model. More than there are idle cores makes it slower, not faster.
    timeout : float
        Seconds until a call is given up.
    logprobs : bool
        Whether to ask for the probabilities of tokens.

    Raises
    ------
    InputError
        If the weights are missing or have a wrong hash.
    MissingExtraError
        If the runtime is not installed.
    """

    def __init__(
        self, name: str, *, threads: int = 2, timeout: float = 600.0, logprobs: bool = False
    ) -> None:
        self.label, self.threads, self.timeout, self.logprobs = name, threads, timeout, logprobs
        if name in known_weights():
            self.path = verified_path(name)
            sha256 = known_weights()[name].sha256
        elif name.endswith(".gguf"):
            self.path = Path(name)
            if not self.path.is_file():
                raise InputError(
                    "there is no such file", where=f"judge local:{name}", remedy="check the path"
                )
            sha256 = file_sha256(self.path)
            self.label = self.path.name
        else:
            raise InputError(
                f"there is no model '{name}'; there are: {', '.join(known_weights())}",
                where=f"judge local:{name}",
                remedy="name one of these, or give the path of a .gguf file",
            )
        # The hash is the identity: the same weights under another path are the same judge.
        parameters: dict[str, Any] = {"sha256": sha256, "context": _CONTEXT}
        if logprobs:
            parameters["logprobs"] = built_in()["llamacpp"].terms.top_logprobs
        self.identity = JudgeIdentity(f"local:{self.label}", parameters, bounded_text=True)
        self._server: Any = None
        self._inner: OpenAIJudge | None = None

    @property
    def parallel(self) -> int | None:
        """One at a time: the prefix that trials share stays in the cache, and answers do not depend on batching."""
        return 1

    async def start(self) -> None:
        """Load the weights and serve them on a free loopback port."""
        try:
            import xllamacpp
        except ImportError:
            raise MissingExtraError("local", f"the judge {self.name}") from None
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(self.path)
        parameters.hostnames = ["127.0.0.1"]
        parameters.port = 0
        parameters.n_parallel = 1
        parameters.n_ctx = _CONTEXT
        parameters.n_gpu_layers = 0
        parameters.cpuparams.n_threads = self.threads
        parameters.cpuparams_batch.n_threads = self.threads
        parameters.model_alias = {self.label}
        parameters.ui = False
        parameters.offline = True
        parameters.verbosity = 0
        try:
            self._server = await asyncio.to_thread(xllamacpp.Server, parameters)
        except RuntimeError as error:
            raise JudgeUnusableError(f"{self.path.name} could not be loaded by llama.cpp ({error})") from None
        self._inner = OpenAIJudge(
            self.label,
            base_url=f"{self._server.listening_address}/v1",
            timeout=self.timeout,
            identity=self.identity,
            served_by=built_in()["llamacpp"],
            logprobs=self.logprobs,
        )
        await self._inner.start()

    async def close(self) -> None:
        """Stop the server and free the memory."""
        if self._inner is not None:
            await self._inner.close()
            self._inner = None
        self._server = None  # llama.cpp stops when the last reference goes

    async def count_tokens(self, requests: Sequence[Request]) -> list[int] | None:
        """Count by the model's own chat template and tokenizer; loads the weights, and asks the model nothing."""
        async with self:
            return await asyncio.to_thread(self._count, requests)

    def _count(self, requests: Sequence[Request]) -> list[int]:
        counts = []
        for request in requests:
            messages = [{"role": m.role, "content": m.content} for m in request.messages]
            prompt = self._post("/apply-template", {"messages": messages})["prompt"]
            body = {"content": prompt, "add_special": False, "parse_special": True}
            counts.append(len(self._post("/tokenize", body)["tokens"]))
        return counts

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask the model's own server, on loopback."""
        request = urllib.request.Request(
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=self.timeout) as answer:
            return dict(json.load(answer))

    @property
    def address(self) -> str:
        """Where the server listens, without ``/v1``."""
        assert self._server is not None, "enter the judge first"
        return str(self._server.listening_address)

    async def reply(self, request: Request) -> Reply:
        """Ask once, with a seed that follows from the trial, so that a run can be repeated."""
        assert self._inner is not None, "enter the judge before asking it"
        cell = request.cell
        mark = f"{cell.item}|{cell.arm}|{cell.wording}|{cell.replicate}|{cell.phase}"
        seed = int.from_bytes(hashlib.sha256(mark.encode()).digest()[:4], "big") >> 1
        return await self._inner.reply(replace(request, sampling=replace(request.sampling, seed=seed)))
