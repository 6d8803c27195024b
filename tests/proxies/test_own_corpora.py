import json
from pathlib import Path

import pytest

from proxies.corpora import CorpusError, Limits
from proxies.own_corpora import build_user
from tests.proxies.tiny import documents

LIMITS = Limits(train_bytes=20_000, validation_bytes=4_000, validation_share=0.2)


def write_user(root: Path) -> None:
    (root / "notes" / "deep").mkdir(parents=True)
    for label, text in documents(60):
        (root / "notes" / "deep" / f"{label}.txt").write_text(text)
    lines = (json.dumps({"text": text.upper()}) for _, text in documents(60))
    (root / "chat.jsonl").write_text("\n".join(lines) + "\n\n")


def test_own_corpora_from_a_folder_and_from_jsonl(tmp_path: Path) -> None:
    write_user(tmp_path)
    built = build_user(tmp_path, LIMITS)
    assert built.names == ("chat", "notes")
    assert sum(built.domains["chat"].n_documents) == 60
    assert sum(built.domains["notes"].n_documents) == 60
    assert built.fingerprint == build_user(tmp_path, LIMITS).fingerprint


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{not json", "line 61: expected a JSON object"),
        ('{"body": "x"}', "line 61: expected a JSON object"),
        ('["x"]', "line 61: expected a JSON object"),
        ('{"text": 3}', "line 61: the field 'text' is not a string"),
    ],
)
def test_bad_jsonl_names_the_line(tmp_path: Path, line: str, problem: str) -> None:
    write_user(tmp_path)
    good = (tmp_path / "chat.jsonl").read_text().rstrip()
    (tmp_path / "chat.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(CorpusError, match=problem):
        build_user(tmp_path, LIMITS)


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        build_user(tmp_path / "missing")
    with pytest.raises(CorpusError, match="holds 0 domain"):
        build_user(tmp_path)
    write_user(tmp_path)
    (tmp_path / "chat").mkdir()
    with pytest.raises(CorpusError, match="given twice"):
        build_user(tmp_path)
