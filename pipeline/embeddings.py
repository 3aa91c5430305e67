"""Vectors of texts from an OpenAI-compatible endpoint (POST /embeddings), some texts at a time."""

import asyncio
from collections.abc import Sequence

import aiohttp

from pipeline.endpoints import Endpoint
from rubrics.errors import UserError

AT_ONCE = 32
# Models cut what is longer or refuse it; a dialogue's beginning and middle tell it from others.
MOST_CHARS = 8000


async def vectors(endpoint: Endpoint, texts: Sequence[str]) -> list[list[float]]:
    """One vector for each text, in order. Raises UserError naming the endpoint when it gives none."""
    free = asyncio.Semaphore(endpoint.max_concurrency)
    headers = {"Authorization": f"Bearer {endpoint.api_key()}"}
    # As in the client: no proxy for calls that stay on this machine, no redirect to a host that nobody configured.
    async with aiohttp.ClientSession(
        headers=headers,
        trust_env=not endpoint.is_loopback,
        timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s),
    ) as session:

        async def some(start: int) -> list[list[float]]:
            async with free:
                return await _ask(session, endpoint, [text[:MOST_CHARS] for text in texts[start : start + AT_ONCE]])

        parts = await asyncio.gather(*(some(start) for start in range(0, len(texts), AT_ONCE)))
    return [vector for part in parts for vector in part]


async def _ask(session: aiohttp.ClientSession, endpoint: Endpoint, texts: list[str]) -> list[list[float]]:
    body = {"model": endpoint.model, "input": texts}
    try:
        async with session.post(f"{endpoint.base_url}/embeddings", json=body, allow_redirects=False) as answer:
            if answer.status != 200:
                raise UserError(
                    f"endpoint {endpoint.name}: gave no embeddings (HTTP {answer.status}); name another one"
                )
            rows = sorted((await answer.json())["data"], key=lambda row: row["index"])
            found = [[float(x) for x in row["embedding"]] for row in rows]
    except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"endpoint {endpoint.name}: gave no embeddings ({type(error).__name__})") from None
    if len(found) != len(texts):
        raise UserError(f"endpoint {endpoint.name}: gave {len(found)} embeddings for {len(texts)} texts")
    return found
