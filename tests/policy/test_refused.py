"""Models that decline, and answers that only sound like it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.library import shipped_agents
from orchestrator.policy.refused import _LANGUAGES, LONGEST, may_refuse, refuses

REFUSALS = """
I'm sorry, but I can't assist with that.
I’m sorry, but I can’t help you with this request.
I cannot help with that.
I can't fulfill that request.
Sorry, I can't do that.
I am unable to help you with this request.
I cannot provide medical advice. Please consult a doctor.
As an AI language model, I don't have access to real-time data.
I'm sorry, but as an AI, I do not have the ability to see images.
I apologize for the confusion, but as an AI language model, I cannot do this.
I can't provide information or guidance on illegal activities. Is there something else I can help you with?
I can't generate content that is harmful.
I'm unable to assist with that at this time.
Unfortunately, I cannot help you with that.
I'm sorry.
I apologize for the confusion.
"I'm sorry, but I can't help with that."
**I cannot help with that.**
Ich kann Ihnen dabei nicht helfen.
Es tut mir leid, aber ich kann diese Anfrage nicht erfüllen.
Tut mir leid, das kann ich nicht.
Leider kann ich Ihnen damit nicht weiterhelfen.
Als KI-Sprachmodell kann ich keine Bilder sehen.
Es tut mir leid.
Je suis désolé, mais je ne peux pas vous aider avec cela.
Désolée, je ne peux pas vous aider.
En tant que modèle de langage, je n'ai pas accès à Internet.
Je ne peux pas répondre à cette demande.
Lo siento, pero no puedo ayudarte con eso.
No puedo cumplir con esta solicitud.
Como modelo de lenguaje, no puedo acceder a internet.
Lo siento.
"""
ANSWERS = """
I'm sorry to hear that your card was lost, please block it in the app under Cards.
I'm sorry for the inconvenience. Your refund was sent on Monday.
We are sorry for the delay. It will arrive tomorrow.
We cannot refund fees after 30 days.
I cannot help with that, but my colleagues at 555-0100 can.
I can't help with that. However, you can change it in the app.
I can't help with returns of worn shoes.
I cannot find the answer in the text.
I cannot answer this from the handbook.
I'm sorry, I could not find your order number. Please send it to us.
I can't provide you with a new card before Friday.
I can help with that.
Unfortunately, we do not ship to Norway.
I'm sorry, but your card was declined. Try another card.
I don't have a car.
I can't do this any longer, she said, and closed the door.
I cannot process this refund until the item arrives.
As an artist, I cannot live without colour.
As an airline, we cannot fly there.
Es tut mir leid, dass Ihre Karte verloren ging. Bitte sperren Sie sie in der App.
Leider ist der Artikel ausverkauft.
Ich kann nicht schwimmen.
Als Kind konnte ich nicht schwimmen.
Je suis désolé d'apprendre que votre carte est perdue. Bloquez-la dans l'application.
Je ne peux pas dormir.
Lo siento por el retraso. Su pedido llega mañana.
No puedo dormir.
The agent wrote: I'm sorry, but I can't assist with that.
"""
ASKED_FOR = {
    "told what to say": "If it is about the law, say: I cannot help with that.",
    "asked to decline": "Decline the invitation politely.",
    "asked to translate": "Translate into English: Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
    "asked what it is": "Are you a human?",
}


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("text", lines(REFUSALS))
def test_a_text_that_only_declines_is_a_refusal(text: str) -> None:
    """In four languages, with and without an apology, quoted or in bold."""
    assert refuses(text)
    assert refuses(text.upper())


@pytest.mark.parametrize("text", lines(ANSWERS))
def test_a_text_that_says_something_is_an_answer(text: str) -> None:
    """Compassion, rules, what was not found, an offer behind a `but`, and people who cannot do something."""
    assert not refuses(text)


@pytest.mark.parametrize("asked", ASKED_FOR.values(), ids=ASKED_FOR)
def test_who_asks_for_such_words_gets_an_answer(asked: str) -> None:
    """A request that holds a refusal, or is about one, is answered by it."""
    assert not refuses("I'm sorry, but I can't help with that.", ["Be brief.", asked])


def test_who_asks_for_an_apology_gets_one() -> None:
    """A bare apology is an answer to those who want it, or have it translated."""
    assert not refuses("I'm sorry.", ["Apologize to the customer in two words."])
    assert not refuses("I'm sorry.", ["Translate into English: Es tut mir leid."])
    assert refuses("I'm sorry.", ["Name the capital of France."])


def test_a_request_about_something_else_does_not_excuse_a_refusal() -> None:
    """Most do not."""
    assert refuses("I cannot help with that.", ["You help customers.", "Sorry, my card was declined. Why?"])


def test_who_writes_much_has_written_something() -> None:
    """A long text is never called a refusal."""
    assert not refuses("I cannot help with that. " + "Fees are refunded on Monday. " * (LONGEST // 20))


def test_no_good_answer_of_a_specialist_is_one() -> None:
    """The cases by which the shipped specialists are measured."""
    for file in sorted(shipped_agents().glob("*/cases.jsonl")):
        assert [text for text in _answers(file) if refuses(text)] == []


def _answers(file: Path) -> list[str]:
    answers = [json.loads(line)["output"] for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        str(text)
        for answer in answers
        for text in (answer.values() if isinstance(answer, dict) else [answer])
    ]


@settings(max_examples=100)
@given(st.text("i 'mcantsorybuhelpwd,.", max_size=LONGEST))
def test_what_stands_in_the_request_is_never_one(text: str) -> None:
    """Any text, also one of nothing but the letters of refusals."""
    assert refuses(text, [text]) is False


OPENINGS = st.sampled_from(_LANGUAGES).flatmap(
    lambda of: st.one_of(
        st.from_regex(re.compile(of.sorry), fullmatch=True),
        st.from_regex(re.compile(of.machine), fullmatch=True),
        st.from_regex(re.compile(f"(?:{of.unable}) ?(?:{of.what})"), fullmatch=True),
    )
)


@settings(max_examples=200, deadline=None)
@given(OPENINGS, st.sampled_from(("", '"', " \n**", "’ ")), st.booleans())
def test_every_opening_passes_the_short_look(opening: str, before: str, capital: bool) -> None:
    """What the patterns know as a beginning is never ruled out by its first two letters."""
    text = before + (opening.upper() if capital else opening)

    assert may_refuse(text)
