"""Every error a person can meet, as one tree. Raised where it is known, caught once, in the CLI.

    OrchError                      exit code
     ├─ UsageError                    2   wrong command line, unknown input, unreadable file
     ├─ SpecError                     2   the workflow file is wrong (carries diagnostics)
     ├─ LockError                     2   what a run is made of is not what was locked (`--locked`)
     ├─ CredentialsMissing            4   a model needs a key that the environment does not hold
     ├─ BudgetExceeded                5
     ├─ PrivacyError                  6
     ├─ StoreError                    1   the run store is unreadable, locked or full
     ├─ ProviderError                 1   a model server did not do its part (kinds below)
     └─ StepError                     1   a step could not produce its value (kinds below)

Knows no file format and no provider.
"""

from __future__ import annotations

from typing import Literal

ProviderKind = Literal[
    "unreachable",  # nothing answers at the address
    "refused",  # the server understood and said no (4xx that is none of the others)
    "auth",  # 401, 403
    "not_found",  # the model is not there; the message names what is
    "rate_limited",  # 429 after the last retry
    "server",  # 5xx after the last retry
    "timeout",  # no progress for longer than the step allows
    "protocol",  # malformed, cut off, wrong content type, too large
    "overflow",  # the request does not fit the model's context
    "crashed",  # the model's process died
]
RETRYABLE: frozenset[str] = frozenset({"unreachable", "rate_limited", "server", "protocol", "crashed"})

StepKind = Literal[
    "invalid",  # the last answer did not satisfy its schema
    "check",  # a check said no to the last answer
    "template",  # an expression failed while it ran
    "overflow",  # the prompt does not fit
    "timeout",
    "provider",
    "unmet",  # a repeat reached its maximum
    "items",  # foreach over something that is no list, or zip of unequal lengths
    "workflow",  # a subworkflow failed
    "output",  # a value does not have the declared type
    "budget",  # what is left does not allow the call
    "knowledge",  # what was to be looked up cannot be
    "privacy",  # something in it is too private for where it would go
    "tool",  # a tool could not do its work
    "turns",  # a tool loop went on too long, or in circles
    "unknown",  # a call with an effect began, and nobody knows whether it happened: a person decides
]


class OrchError(Exception):
    """What went wrong, in the user's words; `hint` says what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(OrchError):
    exit_code = 2


class LockError(UsageError):
    """What a workflow is made of is not what its lock file says."""


class CredentialsMissing(OrchError):
    exit_code = 4


class BudgetExceeded(OrchError):
    exit_code = 5


class PrivacyError(OrchError):
    exit_code = 6


class StoreError(OrchError):
    pass


class ToolError(OrchError):
    """A tool could not do its work: it hung, crashed, or its server is gone. A wrong result is a value, no error.

    `unsure`: what was asked of it may have happened all the same.
    """

    def __init__(self, message: str, *, hint: str = "", unsure: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.unsure = unsure


class SandboxUnavailable(ToolError):
    """Code that a model wrote must not run here, because nothing would keep it in."""


class KnowledgeError(OrchError):
    """An index cannot be built or searched."""


class ProviderError(OrchError):
    """A fault of a model server, mapped from whatever its client raised.

    `retry_after` is in seconds, when the server named it.
    """

    def __init__(
        self, kind: ProviderKind, message: str, *, hint: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind: ProviderKind = kind
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE


class StepError(OrchError):
    """A step could not produce its value; `answer` is the last invalid one, if there was one."""

    def __init__(self, kind: StepKind, message: str, *, hint: str = "", answer: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind: StepKind = kind
        self.answer = answer


def as_step_error(error: StepError | ProviderError) -> StepError:
    """The fault of a model server as the failure of the step that asked it."""
    if isinstance(error, StepError):
        return error
    kind: StepKind = "provider"
    if error.kind in ("overflow", "timeout"):
        kind = "overflow" if error.kind == "overflow" else "timeout"
    return StepError(kind, error.message, hint=error.hint)
