"""A reader without a browser: speaks Streamlit's own WebSocket protocol and sends what the dialogue pane would send.

As `studio/components/dialogue_pane/events.js` does: every act has a number of its own and stays on a shelf until the
studio has answered it; one message at a time, all open acts in it; without an answer it is sent again, each time after
twice as long. `cut` drops the connection in the middle and takes the same session up again; `reload` begins a new one.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PANE = "kardia_dialogue_pane"
BATCH, REST_S, PATIENCE_S, LONGEST_S = 50, 0.15, 3.0, 60.0


@dataclass
class Act:
    """One press: when it was made and answered (seconds of the monotonic clock), and the studio's word against it.

    `was_cut`: it was open, or made, while there was no connection.
    """

    told: dict[str, Any]
    made: float
    answered: float | None = None
    fault: str = ""
    was_cut: bool = False


@dataclass
class Reader:
    """One person's page. `data` is what the pane was given last, None before it was drawn."""

    http: aiohttp.ClientSession
    url: str
    person: str
    acts: list[Act] = field(default_factory=list)
    data: dict[str, Any] | None = None
    cuts: int = 0
    _waiting: list[Act] = field(default_factory=list)
    _asked: dict[str, Any] | None = None
    _sent: int = 0
    _patience: float = PATIENCE_S
    _due: float = 0.0
    _moved: float | None = None
    _session: str = ""
    _widget: str = ""

    async def arrive(self, dialogue: str) -> None:
        """Open the page at this dialogue; returns once the pane is drawn."""
        self._query, self._page = f"dialogue={dialogue}&turn=0", uuid4().hex[:16]
        self.place = {"dialogue": dialogue, "turn": 0}
        await self._connect()
        self._work = [asyncio.create_task(self._hear()), asyncio.create_task(self._press_on())]
        while self.data is None:
            await asyncio.sleep(0.05)

    def press(self, kind: str, **what: Any) -> None:
        """Put one act on the shelf; it goes with the next message."""
        self._made = len(self.acts) + 1
        act = Act({"id": f"{self._page}-{self._made}", "kind": kind, "dialogue": self.place["dialogue"], **what}, now())
        self.acts.append(act)
        self._waiting.append(act)

    def move(self, dialogue: str, turn: int) -> None:
        """Be at another turn; told with the next act, or once the reader has rested there."""
        self.place, self._moved = {"dialogue": dialogue, "turn": turn}, now()

    @property
    def is_open(self) -> bool:
        """Whether something waits for an answer."""
        return bool(self._waiting)

    async def cut(self, seconds: float) -> None:
        """Lose the connection for so long, in the middle of whatever goes on; then the same session again."""
        await self._lose()
        await asyncio.sleep(seconds)
        await self._connect()
        self._patience = PATIENCE_S
        if self._asked:
            await self._send()

    async def reload(self) -> None:
        """A new session of the same person, who has the same acts on the shelf."""
        await self._lose()
        self._session, self._asked, self._query = "", None, f"dialogue={self.place['dialogue']}&turn=0"
        self._page = uuid4().hex[:16]
        await self._connect()

    async def _lose(self) -> None:
        self.cuts += 1
        for act in self._waiting:
            act.was_cut = True
        await self._socket.close()

    async def leave(self) -> None:
        """Close the page."""
        for task in self._work:
            task.cancel()
        await self._socket.close()

    async def _connect(self) -> None:
        protocols = ["streamlit", "unused", self._session] if self._session else ["streamlit"]
        self._socket = await self.http.ws_connect(
            f"{self.url}/_stcore/stream",
            protocols=protocols,
            headers={"Cookie": f"kardia_person={self.person}"},
            max_msg_size=1 << 26,
        )
        if not self._session:
            await self._rerun()

    async def _rerun(self, sent: dict[str, Any] | None = None) -> None:
        message = BackMsg()
        message.rerun_script.query_string = self._query
        message.rerun_script.page_name = "audit"
        if sent and self._widget:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.json_value = self._widget, json.dumps({"sent": sent})
        if not self._socket.closed:
            await self._socket.send_bytes(message.SerializeToString())

    async def _hear(self) -> None:
        while True:
            frame = await self._socket.receive()
            if frame.type is not aiohttp.WSMsgType.BINARY:
                await asyncio.sleep(0.1)  # cut: `_connect` puts another socket in place
                continue
            message = ForwardMsg.FromString(frame.data)
            if message.HasField("new_session"):
                self._session = message.new_session.initialize.session_id
            elif message.delta.new_element.bidi_component.component_name == PANE:
                self._take_in(message.delta.new_element.bidi_component)

    def _take_in(self, pane: Any) -> None:
        self._widget, self.data = pane.id, json.loads(pane.json)
        answers = {one["id"]: one for one in self.data["answers"]}
        for act in self._waiting:
            if answer := answers.get(act.told["id"]):
                act.answered, act.fault = now(), answer.get("fault", "")
        self._waiting = [act for act in self._waiting if act.answered is None]
        heard = self.data["heard"]
        if self._asked and (heard.get("page"), heard.get("n")) == (self._page, self._asked["n"]):
            self._asked, self._patience = None, PATIENCE_S

    async def _press_on(self) -> None:
        """Send what waits, one message at a time, and again when no answer comes."""
        while True:
            await asyncio.sleep(0.02)
            is_late = self._asked is not None and now() > self._due
            if is_late:
                self._patience = min(self._patience * 2, LONGEST_S)
            has_rested = self._moved is not None and now() > self._moved + REST_S
            if is_late or (self._asked is None and (self._waiting or has_rested)):
                await self._send()

    async def _send(self) -> None:
        self._sent += 1
        self._asked, self._moved = {"n": self._sent}, None
        self._due = now() + self._patience
        gone = self.data["gone"] if self.data else ""
        acts = [act.told for act in self._waiting[:BATCH]]
        whose = {"page": self._page, "n": self._sent, "person": self.person}
        await self._rerun({**whose, "acts": acts, "place": self.place, "gone": gone, "ask": None})


def now() -> float:
    """Seconds on a clock that only goes forward."""
    return time.monotonic()
