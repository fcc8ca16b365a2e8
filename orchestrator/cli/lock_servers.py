"""What only others can tell of a workflow: which weights stand behind its models, and which tools its MCP servers list.

Asks only the servers that the file names. What cannot be asked is kept as it was locked, and said.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.equipment import guarded, servers_of
from orchestrator.cli.equipment_knowledge import used_examples, used_heads, used_knowledge
from orchestrator.cli.needs import EMBEDDER
from orchestrator.engine.gate import models_needed
from orchestrator.errors import OrchError, ProviderError
from orchestrator.graph.model import Declared, Graph
from orchestrator.lock.file import MOST, key_of
from orchestrator.lock.stamps import digest
from orchestrator.policy.secrets import NONE, Secrets
from orchestrator.providers.catalog import find
from orchestrator.providers.model_store import ModelStore, is_path
from orchestrator.providers.registry import is_cloud, open_model, provider_of
from orchestrator.regular import read_regular
from orchestrator.spec.model import ModelSpec

if TYPE_CHECKING:
    from orchestrator.config import Config

FACTS = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
"""What a server says of a tool that its digest covers."""


@dataclass(slots=True)
class Asker:
    """Asks for one workflow. `old` is what was locked before; `unasked` collects what could not be asked, and why."""

    graph: Graph
    config: Config
    environ: Mapping[str, str]
    old: Mapping[str, Any]
    secrets: Secrets = NONE
    unasked: list[tuple[str, str]] = field(default_factory=list)

    async def models(self, *, ask: bool) -> dict[str, Any]:
        """Every model and embedder that the workflow can ask. `ask`: also those behind a server."""
        return {name: await self._model(name, spec, ask=ask) for name, spec in _models(self.graph)}

    async def servers(self) -> dict[str, Any]:
        """The tools of every MCP server that it uses."""
        from orchestrator.tools.mcp import McpServers

        servers = McpServers(self.environ, guarded)
        found: dict[str, Any] = {}
        try:
            for _, _, declared in servers_of(self.graph):
                key = server_key(self.graph, declared)
                if key not in found and declared.spec.mcp is not None:
                    found[key] = await self._server(servers, key, declared)
        finally:
            await servers.close()
        return {key: entry for key, entry in found.items() if entry is not None}

    def kept(self, section: str, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What was locked in a section, of these names."""
        was = self.old.get(section) or {}
        return {name: entry for name, entry in was.items() if names is None or name in names}

    def kept_servers(self) -> dict[str, Any]:
        """What was locked of the servers that it uses; nobody is asked."""
        keys = {server_key(self.graph, declared): None for _, _, declared in servers_of(self.graph)}
        self.unasked += [(f"servers.{key}", "it was not asked") for key in keys]
        return self.kept("servers", keys)

    # -------------------------------------------------------------------------------------------- models

    async def _model(self, name: str, spec: ModelSpec, *, ask: bool) -> dict[str, Any]:
        stated = {"use": spec.use} | ({"url": spec.url} if spec.url is not None else {})
        provider, model = provider_of(spec.use)
        try:
            if provider == "llamacpp":
                return {**stated, "weights": f"sha256:{self._weights(model)}"}
            if provider == "scripted":
                return {**stated, "answers": digest(read_regular(self._base / model, MOST))}
            if provider == "ollama" and not is_cloud(spec):
                if not ask:
                    return self._as_it_was(name, stated, "it was not asked")
                return {**stated, **await self._ollama(name, spec)}
        except OrchError as error:
            return self._as_it_was(name, stated, self.secrets.clean(error.message))
        except OSError as error:
            return self._as_it_was(name, stated, (error.strerror or str(error)).lower())
        return stated

    @property
    def _base(self) -> Path:
        return Path(self.graph.file).resolve().parent

    def _weights(self, model: str) -> str:
        """Those that a name stands for, on whatever machine. Raises ProviderError."""
        store = ModelStore(self.config.models, environ=self.environ, offline=True)
        entry = find(model)
        if is_path(model) and entry is None:
            return store.open(model, self._base).sha256
        here = store.get(model)
        if here is not None:
            return here.sha256
        if entry is not None and entry.sha256:
            return entry.sha256
        raise ProviderError("not_found", f"its weights are not on this machine (orch models pull {model})")

    async def _ollama(self, name: str, spec: ModelSpec) -> dict[str, str]:
        model = open_model(name, spec, environ=self.environ, config=self.config, base=self._base)
        try:
            info = await model.prepare()
        finally:
            await model.close()
        template = {"template": digest(info.chat_template.encode())} if info.chat_template else {}
        return {"weights": f"sha256:{info.digest.removeprefix('sha256:')}", **template}

    def _as_it_was(self, name: str, stated: dict[str, Any], why: str) -> dict[str, Any]:
        self.unasked.append((f"models.{name}", why))
        was = self.kept("models").get(name)
        return was if isinstance(was, dict) and was.get("use") == stated["use"] else stated

    # ------------------------------------------------------------------------------------------- servers

    async def _server(self, servers: Any, key: str, declared: Declared) -> Any:
        try:
            return listing_of(await servers.listed(declared.spec.mcp, declared.base), self.secrets)
        except OrchError as error:
            self.unasked.append((f"servers.{key}", self.secrets.clean(error.message)))
            return self.kept("servers").get(key)


def server_key(graph: Graph, declared: Declared) -> str:
    """What a server is called in the lock of a workflow."""
    assert declared.spec.mcp is not None
    return key_of(declared.spec.mcp, declared.base.resolve(), Path(graph.file).resolve().parent)


def listing_of(tools: Mapping[str, Any], secrets: Secrets = NONE) -> dict[str, Any]:
    """What a server lists, as it stands in a lock."""
    return {"tools": {name: _tool(tool, secrets) for name, tool in sorted(tools.items())}}


def _tool(tool: Any, secrets: Secrets) -> dict[str, Any]:
    said = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    facts = secrets.cleaned({key: said[key] for key in FACTS if key in said})
    entry = {"sha256": digest(json.dumps(facts, sort_keys=True, ensure_ascii=True).encode())}
    names = {"description": "description", "inputSchema": "input", "outputSchema": "output"}
    return entry | {short: facts[key] for key, short in names.items() if key in facts}


def _models(graph: Graph) -> Iterator[tuple[str, ModelSpec]]:
    """Models by their names; embedders by what they are, which no name can be."""
    yield from models_needed(graph).items()
    own = any(True for file in (*used_examples(graph), *used_heads(graph)) if file)
    embedders: dict[str, ModelSpec] = {EMBEDDER: ModelSpec(use=EMBEDDER)} if own else {}
    for one, name in used_knowledge(graph):
        spec = one.knowledge[name].embedder or ModelSpec(use=EMBEDDER)
        embedders[spec.use] = spec
    yield from embedders.items()


def ask(asker: Asker, *, servers: bool, models: bool) -> dict[str, Any]:
    """The sections `models` and `servers`. Whether the servers of tools, and those of models on this machine, are asked."""

    async def both() -> dict[str, Any]:
        known = await asker.models(ask=models)
        return {"models": known, "servers": await asker.servers() if servers else asker.kept_servers()}

    return asyncio.run(both())


__all__ = ["Asker", "ask", "listing_of", "server_key"]
