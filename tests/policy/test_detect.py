"""Detectors of what tells who somebody is: what is found, and what is not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.policy.detect import Names, fields_of, found_in, texts_of

ZWJ, ZWSP, SHY, NBSP, NNBSP, EN = "\u200d", "\u200b", "\u00ad", "\u00a0", "\u202f", "\u2013"

EMAILS = [
    "jane.doe@example.com",
    "write to <jane+x@mail.example.co.uk>!",
    "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
    f"ja{ZWJ}ne@exam{ZWSP}ple.com",
    f"jane{SHY}@example.com",
    "jane @ example . com",
    "jane (at) example.com",
    "jane[at]example[dot]com",
    "jane {AT} example",
    "jane at example dot com",
    "jane at example.com",
    "jane%40example.com",
    "jane&#64;example.com",
    "мария@пример.рф",
    "ja\x00ne@example.com",
    "jane -at- example.com",
    "jane-at-example.com",
    '"jane doe"@example.com',
    "jane@example\u3002com",
    "jane  @  example.com",
]
NO_EMAILS = [
    "12 @ 4.50 euros",
    "look at this",
    "@home we rest",
    "3 @ 4 euros",
    "at 10.30",
    "a@b",
    "she is at home",
    "foo.bar()",
]

PHONES = [
    "+49 30 1234567",
    "0049 (30) 123-45-67",
    "(555) 123-4567",
    "555-1234 is my number",
    "030/1234567",
    "call 5551234",
    "Tel.: 7654321",
    "5551234567",
    "+１ ５５５ １２３ ４５６７",
    f"+49{NBSP}30{NNBSP}1234{EN}567",
    f"030{ZWJ}12{ZWSP}34{ZWJ}567",
    "٠٣٠١٢٣٤٥٦٧",
    "0.1.7.1.1.2.3.4.5.6.7",
    "030_123_4567",
    "0151-12345678\n0151-87654321",
    "0151-12345678 / 0151-87654321",
    "5551234567\n5557654321",
    "Tel.0151/12345678",
    "tel015112345678",
    "2026-01-02 0151 12345678",
    "0151 12345678 2026-01-02",
    "12.01.2026 0151 12345678",
    "2026-01-02 030 2016-12-12",
    "+49 2015-12-12 34",
    "555-123-4567x12",
    "555-123-4567ext12",
    "0151-12345678Jane",
    "0151,123,45678",
    "0151|123|45678",
    "12,015112345678",
    "12,5551234567",
    "id015112345678",
    "12345678901234567890",
    "4 8 1 5 1 6 2 3 4 2 4 8 1 5 1 6 2 3",
]
NO_PHONES = [
    "2024-01-31\n2024-02-01\n2024-02-02",
    "2024-01-31 2024-02-01 2024-02-02",
    "2024-01-31, 1234567",
    "2024-01-31 1234567",
    "from 2024-01-31 to 2024-02-01",
    "0.99 1.99 12.50",
    "0.99\n1.99\n12.50\n100.00",
    "2019 2020 2021 2022 2023",
    "1,012,345,678",
    "1,000,000,000.00",
    "0.3333333333333333",
    "version 3.11.7",
    "1234567",
    "#1234567, #7654321",
    "1234567, 7654321",
    "A-1234567",
    "INV1234567",
    "IMG_20240131_101530",
    "2024-01-31T10:00:00",
    "2024-01-31 10:30",
    "10:30, 11:45",
    "12345678kg",
    "v1.22.333",
    "1.299,00 2.399,00 0,99",
    "1,05 2,10 3,20 4,30",
    "2024-01 2024-02 2024-03",
    "0.1 0.22 0.333 0.4444",
    "2024-01-31",
    "31.01.2024",
    "1/31/2024",
    "2019-2024",
    "2019 / 2024",
    "3.14159265358",
    "10.000.000",
    "192.168.100.200",
    "order 1234567",
    "in 2026 there were 12 of 345",
    "a1234567890b",
    "1,234,567.89",
]

IBANS = [
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "de89 3704 0044 0532 0130 00 is mine",
    "GB82-WEST-1234-5698-7654-32",
    "FR14 2004 1010 0505 0001 3M02 606",
    "ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００",
    f"DE89{ZWJ}3704{ZWSP}0044{NBSP}0532 0130 00",
    "NO93 8601 1117 947",
    "IBANDE89370400440532013000",
    "IBAN:DE89 3704 0044 0532 0130 00",
    "DE89|3704|0044|0532|0130|00",
    "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
    "D E 8 9".replace(" ", "") + "." + "3704.0044.0532.0130.00",
]
NO_IBANS = ["DE88 3704 0044 0532 0130 00", "AB12 is a room", "DE89 3704", "IP40 standards and others follow"]

CARDS = [
    "4111 1111 1111 1111",
    "4111111111111111",
    "4111-1111-1111-1111 12/27",
    "card 4111 1111 1111 1111 123",
    "378282246310005",
    "３７８２ ８２２４６３ １０００５",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    f"4111{ZWSP}1111{ZWSP}1111{ZWSP}1111",
    "4111_1111_1111_1111",
    "4111,1111,1111,1111",
    "4111111111111111123",
    "41111111111111111227123",
    "3782822463100051234",
]
NO_CARDS = ["4111 1111 1111 1112", "1234 5678 9012 3456", "9999999999999999", "4111 1111 1111"]


@pytest.mark.parametrize(
    ("kind", "texts", "others"),
    [
        ("an e-mail address", EMAILS, NO_EMAILS),
        ("a phone number", PHONES, NO_PHONES),
        ("an IBAN", IBANS, NO_IBANS),
        ("a card number", CARDS, NO_CARDS),
    ],
)
def test_what_is_found_and_what_is_not(kind: str, texts: list[str], others: list[str]) -> None:
    """Alone, and inside a sentence."""
    assert [text for text in texts if kind not in found_in(text)] == []
    assert [text for text in texts if kind not in found_in(f"Hello, {text}, thanks")] == []
    assert [text for text in others if kind in found_in(text)] == []


def test_ordinary_sentences_hold_nothing() -> None:
    """Else nobody would use the detectors."""
    sentences = [
        "The customer paid 1,299.00 EUR on 2024-03-01 and asks for a refund of 20 %.",
        "Version 3.11.7 of 4 December 2023 fixes issue #1234.",
        "It is urgent (5/5): 3 of 12 parts are missing, see chapter 4.2.1.",
        "Meet at 10:30 in room 204, 2nd floor; about 1.5 million people live there.",
    ]

    assert [list(found_in(sentence)) for sentence in sentences] == [[], [], [], []]


@given(st.text(max_size=300))
def test_no_text_breaks_the_detectors(text: str) -> None:
    """Nothing raises, and what is found is said once."""
    found = list(found_in(text))

    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "1 " * 50_000,
        "a.b-" * 25_000,
        "A1" * 50_000,
        "1.1-" * 25_000,
        "0151,123," * 11_000,
        "DE89" * 25_000,
    ],
)
def test_the_time_grows_with_the_length_and_not_faster(text: str) -> None:
    """No text a model writes holds the run up: twice the text takes no more than about twice the time."""

    def seconds(part: str) -> float:
        began = time.process_time()
        list(found_in(part))
        return time.process_time() - began

    small = min(seconds(text[:25_000]) for _ in range(3))
    large = min(seconds(text) for _ in range(2))

    assert large < max(16 * small, 0.5)


NAMES = Names(
    [
        ("name", "Anna-Lena Müller"),
        ("from", "Jane Doe <jane@example.com>"),
        ("customer", "will"),
        ("subject", "Broken Printer"),
        ("company", "Initech"),
        ("status", "open"),
        ("ticket", "4711"),
        ("city", "東京"),
        ("body", "A long text " * 20),
    ]
)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Anna-Lena Müller asks", True),
        ("ANNA LENA MULLER asks", True),
        ("anna_lena müller's printer", True),
        ("AnnaLenaMüller", True),
        ("Ms Müller asks", True),
        ("Anna asks", True),
        (f"An{ZWJ}na asks", True),
        ("Jane asks", True),
        ("mr doe asks", True),
        ("Will asks for help", True),
        ("she will ask for help", False),
        ("a broken printer again", True),
        ("the printer is broken", False),
        ("someone at initech", True),
        ("it is open", False),
        ("ticket 4711", False),
        ("東京で", True),
        ("東の京", False),
        ("Annabel asks", False),
        ("nobody asks", False),
    ],
)
def test_names_that_stand_in_inputs_are_found_as_whole_words(text: str, known: bool) -> None:
    """In any case and joint; the parts of what a field about people holds as well, ordinary words not."""
    assert NAMES.in_text(text) is known


def test_every_text_of_a_value_is_looked_at() -> None:
    """Keys and numbers too; true and null say nothing."""
    value = {"a": ["x", 4111111111111111, True, None], "b": {"c": 1.5}}

    assert list(texts_of(value)) == ["a", "x", "4111111111111111", "b", "c", "1.5"]
    assert list(fields_of({"rows": [{"from": "Ann", "n": 1}]}, "tickets")) == [("from", "Ann")]
