"""The source queue: visibility time-outs, receive counts, message groups, duplicates and disorder."""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass, field

VISIBILITY_S = 12.0
"""Longer than any invocation of a run, so that a message is twice in flight only by the queue's own doing."""


@dataclass
class Message:
    body: str
    group: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    receives: int = 0
    visible_at: float = 0.0
    handle: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    """What parking has put on it."""

    @property
    def sent_as(self) -> str:
        """The id under which it was published."""
        return self.attributes.get("SOURCE_MESSAGE_ID", self.id)


class SourceQueue:
    def __init__(self, seed: int, *, is_fifo: bool) -> None:
        self.is_fifo = is_fifo
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._messages: dict[str, Message] = {}

    def send(self, message: Message) -> None:
        with self._lock:
            self._messages[message.id] = message

    def receive(self, most: int) -> list[Message]:
        """Up to so many messages; in a FIFO queue none behind one of its group that is in flight."""
        now = time.monotonic()
        with self._lock:
            waiting = list(self._messages.values())
            if not self.is_fifo and self._dice.random() < 0.3:
                self._dice.shuffle(waiting)
            locked = {message.group for message in waiting if message.visible_at > now} if self.is_fifo else set()
            batch = [m for m in waiting if m.visible_at <= now and not (m.group and m.group in locked)][:most]
            for message in batch:
                message.receives += 1
                message.handle = str(uuid.uuid4())
                is_doubled = not self.is_fifo and self._dice.random() < 0.03
                message.visible_at = now + (0.0 if is_doubled else VISIBILITY_S)
            return [Message(m.body, m.group, m.id, m.receives, m.visible_at, m.handle, m.attributes) for m in batch]

    def delete(self, message: Message) -> None:
        with self._lock:
            self._messages.pop(message.id, None)

    def release(self, message: Message) -> None:
        """It stays, and is visible again soon: Lambda's visibility time-out, cut short."""
        self._change(message.handle, 0.2)

    def hide(self, handle: str, seconds: int) -> None:
        self._change(handle, min(seconds, 1.0))

    def _change(self, handle: str, seconds: float) -> None:
        with self._lock:
            for message in self._messages.values():
                if message.handle == handle:
                    message.visible_at = time.monotonic() + seconds

    def __len__(self) -> int:
        with self._lock:
            return len(self._messages)
