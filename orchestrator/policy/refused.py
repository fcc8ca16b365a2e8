"""Whether a model declined instead of answering. Pure; reads English, German, French and Spanish.

Only a short text that *begins* with a refusal and goes on to offer nothing is one. "I'm sorry to hear that your card was
lost, …" is an answer, and so are "We cannot refund fees after 30 days" and "I can't help with that, but my colleagues
can". That something is not in a text is an answer too. A request that itself holds such words asks for them or is about
them (to sort, to translate, to decline politely); nothing that is answered to it is called a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from orchestrator.light import light

LONGEST = 400
"""Characters of a refusal; who writes more has written something."""


@light(frozen=True, slots=True)
class _Language:
    """Openings as regular expressions over lower-case text with single spaces and straight apostrophes."""

    sorry: str
    """What may stand before."""
    machine: str
    """A model that speaks of itself: declines with whatever inability follows."""
    unable: str
    what: str
    """What a model says it is unable to do when it means the task as a whole."""
    turn: str
    """Words behind which an offer stands."""


_ENGLISH = _Language(
    sorry=r"(?:(?:i'm|i am|we're|we are) (?:(?:very|so|really|truly) )?sorry|sorry|(?:i|we) apologi[sz]e|my apologies|"
    r"unfortunately)(?: for (?:the|any|my) (?:confusion|misunderstanding))?",
    machine=r"(?:as|i'm|i am)(?: just| only)? an? (?:ai|artificial intelligence|(?:large )?language model)\b(?: [a-z]+){0,4}?",
    unable=r"i (?:(?:simply |really )?(?:can't|cannot|can not|won't|will not)|(?:am|was) (?:unable|not able) to|"
    r"do(?:n't| not) have (?:the ability|the capability|access) to|do(?:n't| not) have)|i'm (?:unable|not able) to",
    what=r"(?:help|assist|comply|proceed|continue)(?: you)?"
    r"(?: (?:with|in|on) (?:that|this|it|your|such)(?: (?:request|question|query|task|topic|matter))?)?"
    r"(?= ?[.!,;:]| at this time| because| as | since|$)|"
    r"(?:do|fulfil+|complete|process|comply with|engage in|discuss|help with) "
    r"(?:(?:that|it|this)(?= ?[.!,;:]|$)|(?:this|that|your|the|such an?) (?:request|task|topic|content)\b)|"
    r"(?:provide|offer|give)(?: you)?(?: with)?(?: (?:any|such|specific))? (?:(?:medical|legal|financial) advice|"
    r"information or guidance|guidance|assistance|instructions|personal opinions|explicit content|content)\b|"
    r"(?:create|generate|produce|write)(?: [a-z]+){0,3} (?:content|material)\b",
    turn=r"but|however|instead|though|here (?:is|are)",
)
_GERMAN = _Language(
    sorry=r"(?:(?:es )?tut (?:mir|uns) (?:\w+ )?leid|entschuldigung|entschuldigen sie(?: bitte)?|verzeihung|leider)",
    machine=r"(?:als|ich bin)(?: nur)?(?: eine?)? (?:ki|künstliche intelligenz|(?:großes )?sprachmodell)\b(?:[- ]\w+){0,3}?",
    unable=r"(?:ich kann|(?:(?:das|dabei|damit|hierbei) )?kann ich|ich darf|darf ich|ich werde|wir können|können wir|ich habe|habe ich|ich bin|bin ich)",
    what=r"(?:(?:ihnen|dir|euch) )?(?:(?:dabei|damit|hierbei|bei (?:dieser|diesem|ihrer|deiner) \w+) )?(?:leider )?nicht "
    r"(?:dabei |damit )?(?:weiterhelfen|helfen|behilflich sein|unterstützen)\b|"
    r"(?:diese[rn]?|ihre[rn]?|deine[rn]?) (?:anfrage|bitte|aufgabe|wunsch) (?:leider )?nicht "
    r"(?:nachkommen|erfüllen|ausführen|bearbeiten|erledigen)\b|(?:(?:das|dies) )?(?:leider )?nicht(?: (?:tun|machen))?(?= ?[.!;]|$)",
    turn=r"aber|jedoch|stattdessen|allerdings|sondern",
)
_FRENCH = _Language(
    sorry=r"(?:(?:je suis|nous sommes) (?:\w+ )?désolée?s?|désolée?|je m'excuse|je vous prie de m'excuser|"
    r"(?:toutes )?mes excuses|malheureusement)",
    machine=r"(?:en tant (?:qu'|que )|je (?:ne )?suis (?:qu'|seulement )?)(?:une? )?(?:ia|intelligence artificielle|"
    r"modèle (?:de langage|linguistique)|assistant ia)\b(?: \w+){0,3}?",
    unable=r"(?:je|nous) (?:ne (?:peux|pouvons) (?:malheureusement )?pas|ne (?:suis|sommes) pas (?:en mesure|capables?) (?:de |d')|"
    r"n'ai pas (?:la capacité (?:de |d')|accès|d'))",
    what=r" ?(?:(?:vous |t')?aider|vous assister)(?: (?:avec|pour|à|dans|sur) (?:cela|ça|ce sujet|cette \w+|votre demande))?"
    r"(?= ?[.!,;:]|$)| ?(?:répondre|accéder) à (?:cette|votre) (?:demande|requête)\b| ?faire (?:cela|ça)\b|"
    r" ?(?:vous )?fournir (?:d'|de |des |une )?(?:aide|assistance|contenu|conseils (?:médicaux|juridiques))\b",
    turn=r"mais|cependant|toutefois|en revanche|voici",
)
_SPANISH = _Language(
    sorry=r"(?:lo (?:siento|sentimos|lamento)(?: mucho)?|disculp(?:a|e|en)|perdón|mis disculpas|lamentablemente|"
    r"desafortunadamente)",
    machine=r"(?:como|(?:solo )?soy)(?: una?)? (?:ia|inteligencia artificial|modelo (?:de lenguaje|lingüístico)|asistente de ia)"
    r"\b(?: \w+){0,3}?",
    unable=r"(?:yo )?no (?:puedo|podemos|soy capaz de|tengo (?:la capacidad de|acceso|permitido))",
    what=r" ?ayudar(?:te|le|los|les)?(?: (?:con|en) (?:eso|esto|ello|(?:esta|tu|su) (?:solicitud|petición|tarea|consulta)))?"
    r"(?= ?[.!,;:]|$)| ?(?:cumplir|completar|atender|realizar)(?: con)? (?:esta|esa|tu|su) (?:solicitud|petición|tarea)\b|"
    r" ?hacer (?:eso|esto)\b| ?(?:proporcionar|ofrecer)(?:te|le)? (?:ayuda|asistencia|contenido|consejos? (?:médicos?|legal(?:es)?))\b",
    turn=r"pero|sin embargo|no obstante|en cambio|aquí (?:está|tiene)",
)
_LANGUAGES = (_ENGLISH, _GERMAN, _FRENCH, _SPANISH)
_HEADS = frozenset(
    ("we", "so", "my", "un", "as", "es", "tu", "en", "ve", "le", "al", "da", "hi", "ka", "wi", "kö", "ha", "bi", "je",
     "no", "dé", "to", "me", "ma", "lo", "di", "pe", "mi", "la", "de", "co", "yo"),
)  # fmt: skip
"""The first two letters of every opening, but for those with `i`."""
_BEFORE = "\"'*_«„“’" + "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace())
"""What is left out at the beginning of a text."""
_JOINT = r"[,.!;:–—-]*(?: (?:but|aber|mais|pero|and|und|et|y))?,? ?"


def refuses(text: str, asked: Iterable[str] = ()) -> bool:
    """Whether this is a refusal and nothing more. `asked`: the texts of the request."""
    if not may_refuse(text):
        return False
    plain = _plain(text)
    if _apology().fullmatch(plain):
        return not any(_about_sorrow().search(_plain(one)) for one in asked)
    found = _opening().match(plain)
    if found is None or _turn().search(plain, found.end()):
        return False
    return not any(_about_refusing().search(_plain(one)) for one in asked)


def may_refuse(text: str) -> bool:
    """Whether a text is short and begins as a refusal could: a quarter of the time, and for most answers the end of it."""
    if len(text) > LONGEST:
        return False
    head = text.lstrip(_BEFORE)[:2].lower()
    return head[:2] in _HEADS or head[:1] == "i"


def _plain(text: str) -> str:
    return " ".join(text.replace("’", "'").lower().split()).lstrip("\"'*_«„“ ").rstrip("\"'*_»“” ")


# ------------------------------------------------------------------ made when the first text is read: they are large


@cache
def _opening() -> re.Pattern[str]:
    return _any(
        f"(?:{of.sorry}{_JOINT}(?:that )?)?(?:{of.machine}{_JOINT}(?:{of.unable})|(?:{of.unable}) ?(?:{of.what}))"
        for of in _LANGUAGES
    )


@cache
def _turn() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(of.turn for of in _LANGUAGES)})\b")


@cache
def _apology() -> re.Pattern[str]:
    """An apology and nothing else."""
    return re.compile(rf"(?:{'|'.join(of.sorry for of in _LANGUAGES)})[.!…]*")


@cache
def _about_refusing() -> re.Pattern[str]:
    words = r"refus(?:e|al|ing)|declin(?:e|ing)|turn down|verweiger\w*|ablehnen|lehne|refuser?|refus|décliner?|rechaz\w+"
    return _any(
        (
            *(f"(?:{of.unable}) ?(?:{of.what})" for of in _LANGUAGES),
            *(rf"\b{of.machine}" for of in _LANGUAGES),
            rf"\b(?:{words})\b",
            r"\bare you (?:an? )?(?:ai|bot|human|robot|machine|person)\b",
        )
    )


@cache
def _about_sorrow() -> re.Pattern[str]:
    words = "apolog|sorry|entschuldig|excus|désol|disculp|regret|forgive"
    return _any((*(of.sorry for of in _LANGUAGES), rf"\b(?:{words})"))


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
