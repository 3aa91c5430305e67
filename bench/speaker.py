"""A person at the audit page without a browser: speaks the page's own web socket, as the dialogue pane does.

Everything behind the browser is the real thing: the server, the page's script, the session, the store. What is left out
is Chromium, of which twenty would need more than the studio does.
"""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

PANE = "kardia_dialogue_pane"


@dataclass
class Speaker:
    """One person on one page. `made` are the marks sent by number, `acknowledged` those answered as saved."""

    person_id: str
    dialogue_id: str
    made: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    errors: int = 0
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    _pane: str = ""
    _data: dict[str, Any] = field(default_factory=dict)
    _page: str = ""
    _n: int = 0

    async def come(self, url: str, patience_s: float = 60) -> ClientConnection:
        """Open the page; raises OSError or TimeoutError while the studio cannot be reached."""
        where = f"ws{url.removeprefix('http')}/_stcore/stream"
        headers = {"Cookie": f"kardia_person={self.person_id}", "Origin": url}
        self._pane, self._data = "", {}
        socket = await asyncio.wait_for(
            connect(where, additional_headers=headers, subprotocols=["streamlit"], max_size=None),  # type: ignore[list-item]
            patience_s,
        )
        self._page = uuid.uuid4().hex
        await self._run(socket, None)
        await self._hear(socket, patience_s, lambda: bool(self._pane))
        return socket

    async def mark(self, socket: ClientConnection, act: dict[str, Any], patience_s: float = 60) -> None:
        """Send one act, with those that were never answered, and wait until all are; a fault counts as an error."""
        number = f"{self.person_id}-{uuid.uuid4().hex}"
        self.made.append(number)
        self.waiting[number] = {"id": number, "dialogue": self.dialogue_id, **act}
        began = time.perf_counter()
        self._n += 1
        sent = {"person": self.person_id, "page": self._page, "n": self._n, "acts": list(self.waiting.values())}
        await self._run(socket, {"sent": sent})
        await self._hear(socket, patience_s, lambda: set(self.waiting) <= set(self._answers()))
        for one, answer in ((one, self._answers()[one]) for one in list(self.waiting)):
            del self.waiting[one]
            self.errors += "fault" in answer
            self.acknowledged += [] if "fault" in answer else [one]
        self.waits.append(time.perf_counter() - began)

    async def turn_to(self, socket: ClientConnection, dialogue_id: str, patience_s: float = 60) -> None:
        """Open another dialogue on the page that is there, and wait until it is drawn."""
        began, self.dialogue_id = time.perf_counter(), dialogue_id
        await self._run(socket, None)
        await self._hear(socket, patience_s, lambda: self._data.get("here", {}).get("id") == dialogue_id)
        self.pages.append(time.perf_counter() - began)

    async def _run(self, socket: ClientConnection, state: dict[str, Any] | None) -> None:
        told = BackMsg()
        told.rerun_script.query_string = f"dialogue={self.dialogue_id}&turn=0"
        told.rerun_script.page_name = "audit"
        if state is not None:
            widget = told.rerun_script.widget_states.widgets.add()
            widget.id, widget.json_value = self._pane, json.dumps(state)
        await socket.send(told.SerializeToString())

    async def _hear(self, socket: ClientConnection, patience_s: float, is_enough: Any) -> None:
        """Read what the page sends until there is enough; raises TimeoutError when there never is."""
        async with asyncio.timeout(patience_s):
            while not is_enough():
                self._take(ForwardMsg.FromString(await socket.recv()))  # type: ignore[arg-type]

    def _take(self, told: ForwardMsg) -> None:
        if told.WhichOneof("type") != "delta" or not told.delta.HasField("new_element"):
            return
        element = told.delta.new_element
        if element.WhichOneof("type") == "exception":
            self.errors += 1
        if element.WhichOneof("type") == "bidi_component" and element.bidi_component.component_name.endswith(PANE):
            self._pane = element.bidi_component.id
            if element.bidi_component.json:
                self._data = json.loads(element.bidi_component.json)

    def _answers(self) -> dict[str, dict[str, str]]:
        return {one["id"]: one for one in self._data.get("answers", [])}


__all__ = ["Speaker", "WebSocketException"]
