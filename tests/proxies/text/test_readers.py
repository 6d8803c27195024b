import gzip
import json

from proxies.text import readers


def only(reader: readers.Reader, content: str, name: str = "f") -> str:
    ((label, text),) = reader(name, content.encode())
    assert label == name
    return text


def test_a_licence_at_the_head_of_code_goes_and_other_comments_stay() -> None:
    body = "// A stack.\nfunc pop() {}\n"
    for head in (
        "// Copyright 2009 The Authors.\n// A BSD-style license holds.\n\n",
        "/* Copyright (c) X.\n * All rights reserved. */\n/* SPDX-License-Identifier: MIT */\n",
    ):
        assert only(readers.code, head + body) == body
    assert only(readers.code, body) == body
    python = "#!/usr/bin/python\n# Licence: MIT\nimport os\n"
    assert only(readers.code, python) == "import os\n"


def test_directives_are_no_comments() -> None:
    header = "#ifndef A_H\n#define A_H\n// copyright is not at the head\n#endif\n"
    assert only(readers.code, header) == header


def test_a_page_keeps_its_visible_text() -> None:
    page = (
        "<html><head><title>t</title><style>p {}</style></head><body><nav>menu</nav>"
        "<h1>Stacks</h1><p>A stack &amp; its <b>top</b>,<br>and more.</p>"
        "<script>alert(1)</script><!-- secret --><p>Copyright X</p></body></html>"
    )
    assert only(readers.page, page) == "Stacks\nA stack & its top,\nand more.\n"


def test_a_manual_page_loses_its_requests_and_keeps_its_words() -> None:
    page = '.\\" a comment\n.TH LS 1\n.SH NAME\nls \\- list \\fBfiles\\fR\n.B \\-a\nall\n'
    assert only(readers.manual, page) == "LS 1\nNAME\nls - list files\n-a\nall\n"


def test_poems_of_every_form() -> None:
    content = [
        {"title": "静夜思", "author": "李白", "paragraphs": ["床前明月光，", "疑是地上霜。"]},
        {"chapter": "学而篇", "paragraphs": ["子曰"]},
        {"name": "no lines"},
    ]
    found = list(readers.poems("p.json", json.dumps(content).encode()))
    assert [text for _, text in found] == [
        "静夜思 李白\n床前明月光，\n疑是地上霜。\n",
        "学而篇\n子曰\n",
    ]


def test_theorems_keep_the_statement_and_lose_the_proof() -> None:
    content = "$( Identity. $)\n  id $p |- ( ph -> ph ) $=\n ( wi ax-1 ) AAABZ $.\n$c x $."
    found = [text for _, text in readers.theorems("set.mm", content.encode())]
    assert found == ["$( Identity. $)\n  id $p |- ( ph -> ph ) $.\n"]


def test_a_dictionary_is_cut_at_its_entries() -> None:
    content = "00-database-info\n  about\n\nAb \\Ab\\\n   One.\n\n   Two.\n\nac\n   Three.\n"
    found = [t for _, t in readers.dictionary("d", gzip.compress(content.encode()))]
    assert found == ["Ab \\Ab\\\n   One.\n\n   Two.\n", "ac\n   Three.\n"]


def test_senses_give_words_and_gloss() -> None:
    line = '00211462 04 n 02 finalization 0 finish_line 0 001 @ 00211110 n 0000 | the act; "x"  '
    assert only_sense(line) == 'finalization, finish line: the act; "x"\n'


def only_sense(line: str) -> str:
    ((_, text),) = readers.senses("data.noun", f"  1 a licence line\n{line}\n".encode())
    return text


def test_entries_give_a_line_a_field() -> None:
    content = {"639-3": [{"alpha_3": "kaz", "name": "Kazakh"}]}
    ((_, text),) = readers.entries("iso.json", json.dumps(content).encode())
    assert text == "alpha_3: kaz\nname: Kazakh\n"
