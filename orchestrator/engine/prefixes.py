"""Whose prompt prefix lies warm in which slot of one model host, and what it would cost to read it once more.

Small models on a laptop spend their time reading prompts: a role of a thousand tokens takes seconds, an answer tenths
of one. So a burst of one agent warms one slot, and a second slot only when the time lost by waiting for the first is as
long as reading the prefix again would take: that way at most twice the time of the best choice is spent, without
knowing what is still to come. Pure: knows no request, no clock and no server.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LIGHT = 64
"""Tokens of a prefix that are read again without a thought."""
PROMPT_RATE, WRITING = 250.0, 0.3
"""Tokens read per second and seconds an answer takes to write, before either was measured."""
BATCHING = 0.35
"""Answers written k at once come k ** 0.35 times as fast as one after the other: 1.6 times for four on two cores."""
MEMORY = 0.3
"""How much the newest figure counts in a running mean."""


@dataclass(slots=True)
class Prefix:
    """One agent's prefix: how long it is, how many slots hold it, and how many of those are answering."""

    tokens: int
    slots: int = 0
    running: int = 0
    ended: int = 0
    writing: float = WRITING
    lost: float = 0.0
    """Seconds lost so far because its requests waited for its own slots while others were free."""
    used: int = 0
    """When it was used last, as a number of calls."""


@dataclass(slots=True)
class Prefixes:
    """The slots of one host. A call that ends leaves its prefix in its slot; the host finds it there by itself."""

    slots: int
    rate: float = PROMPT_RATE
    running: int = 0
    _known: list[Prefix] = field(default_factory=list)
    _calls: int = 0

    def add(self, tokens: int) -> Prefix:
        """A prefix that was never read here; `tokens` is a guess that counts until it was seen to be reused."""
        prefix = Prefix(tokens)
        self._known.append(prefix)
        return prefix

    def is_warm(self, prefix: Prefix) -> bool:
        """Whether a free slot holds it."""
        return prefix.slots > prefix.running

    def may_go(self, prefix: Prefix, waiting: int) -> bool:
        """Whether a request with this prefix is sent now, with so many more like it behind."""
        if self.running >= self.slots:
            return False
        if prefix.tokens < LIGHT or prefix.running == 0 or self.is_warm(prefix):
            return True
        if prefix.ended == 0:
            return False  # the first of a burst reads it for all
        return prefix.lost + (waiting + 1) * self.gain(prefix) >= prefix.tokens / self.rate

    def gain(self, prefix: Prefix) -> float:
        """Seconds that one more answer at once saves, each time."""
        now = max(1, self.running)
        return prefix.writing * (float(now**-BATCHING) - float((now + 1) ** -BATCHING))

    def begin(self, prefix: Prefix) -> None:
        """A request with this prefix is sent."""
        if not self.is_warm(prefix):
            self._make_room()
            prefix.slots += 1
            prefix.lost = 0.0
        self._calls += 1
        self.running += 1
        prefix.running += 1
        prefix.used = self._calls

    def end(self, prefix: Prefix) -> None:
        """One of its requests is over, answered or not."""
        self.running -= 1
        prefix.running -= 1
        prefix.ended += 1

    def wait(self, prefix: Prefix) -> None:
        """One of its requests has to wait though a slot is free."""
        prefix.lost += self.gain(prefix)

    def learn(
        self, prefix: Prefix, cached: int, rate: float | None, written: int, pace: float | None
    ) -> None:
        """What an answer showed: tokens that were not read again, tokens read and written per second."""
        if prefix.slots == 1 and prefix.ended:
            prefix.tokens = (
                cached  # it could only come from its one slot: this much of it is the same each time
            )
        if rate:
            self.rate += MEMORY * (rate - self.rate)
        if pace:
            prefix.writing += MEMORY * (written / pace - prefix.writing)

    def cool(self) -> None:
        """Nothing is in the slots any more but what is being answered."""
        for prefix in self._known:
            prefix.slots, prefix.ended = prefix.running, 0

    def _make_room(self) -> None:
        """The slot that was used the longest ago goes to somebody else, when all hold something."""
        if sum(prefix.slots for prefix in self._known) < self.slots:
            return
        idle = [prefix for prefix in self._known if prefix.slots > prefix.running]
        if idle:
            min(idle, key=lambda prefix: prefix.used).slots -= 1
