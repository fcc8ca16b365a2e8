"""How many tokens a prompt takes, roughly, where a server offers no tokenizer. Always marked as an estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.messages import Message, TokenCount

BYTES_PER_TOKEN = 3.5
"""Below the 4 of English prose, so that the estimate is rather too high than too low."""
PER_MESSAGE = 5
PER_IMAGE = 800


def estimate(messages: Sequence[Message]) -> TokenCount:
    """Bytes of UTF-8 by 3.5, plus what a chat template and an image take."""
    total = 3
    for message in messages:
        total += math.ceil(len(message.content.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN)
        total += PER_MESSAGE + PER_IMAGE * len(message.images)
    return TokenCount(total, exact=False)
