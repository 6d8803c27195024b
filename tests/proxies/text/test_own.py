import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from proxies import corpora
from proxies.text import own
from proxies.text.build import CorpusError
from tests.proxies.tiny import documents


def write_jsonl(path: Path, seed: int) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for _, text in documents(60, seed)))


def write_parquet(path: Path, seed: int) -> None:
    texts = [text for _, text in documents(60, seed)]
    parquet.write_table(pa.table({"id": range(60), "text": texts}), path, row_group_size=13)


def write_dataset(folder: Path, seed: int) -> None:
    """As ``datasets.Dataset.save_to_disk`` lays it out: Arrow streams and a list of them."""
    folder.mkdir()
    table = pa.table({"text": [text for _, text in documents(60, seed)]})
    names = []
    for number, part in enumerate((table[:25], table[25:])):
        names.append(f"data-0000{number}-of-00002.arrow")
        with ipc.new_stream(folder / names[-1], table.schema) as writer:
            writer.write_table(part, max_chunksize=7)
    (folder / "dataset_info.json").write_text("{}")
    state = {"_data_files": [{"filename": name} for name in names], "_split": "train"}
    (folder / "state.json").write_text(json.dumps(state))


def write_folder(folder: Path, seed: int) -> None:
    (folder / "deep").mkdir(parents=True)
    for label, text in documents(30, seed):
        (folder / "deep" / f"{label}.txt").write_text(text)
    (folder / "binary.txt").write_bytes(b"\xff\xfe\xff" * 100)
    (folder / ".hidden").write_text("x" * 100)
    lines = (json.dumps({"text": text}) for _, text in documents(60, seed)[30:])
    (folder / "more.jsonl").write_text("\n".join(lines))


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "chat.jsonl": write_jsonl,
    "notes": write_folder,
    "saved": write_dataset,
    "web.parquet": write_parquet,
}


def test_every_kind_gives_its_documents_once(tmp_path: Path) -> None:
    for seed, (name, write) in enumerate(WRITERS.items()):
        write(tmp_path / name, seed)
    found = own.domains(tmp_path)
    assert list(found) == ["chat", "notes", "saved", "web"]
    for seed, read in enumerate(found.values()):
        pairs = list(read())
        assert sorted(text for _, text in pairs) == sorted(t for _, t in documents(60, seed))
        assert len({label for label, _ in pairs}) == 60


def test_own_corpora_are_built_whole(tmp_path: Path) -> None:
    root = tmp_path / "own"
    root.mkdir()
    write_jsonl(root / "chat.jsonl", 0)
    write_parquet(root / "web.parquet", 1)
    built = corpora.load(corpora.build_user(root, tmp_path / "cache"))
    assert built.names == ("chat", "web")
    assert [sum(domain.n_documents) for domain in built.domains.values()] == [60, 60]


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
    path = tmp_path / "chat.jsonl"
    write_jsonl(path, 0)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(CorpusError, match=problem):
        list(own.jsonl_documents(path, ""))


def test_bad_parquet_names_the_file_and_the_column(tmp_path: Path) -> None:
    path = tmp_path / "web.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(CorpusError, match=r"web\.parquet is no Parquet file"):
        list(own.parquet_documents(path, ""))
    parquet.write_table(pa.table({"body": ["x"]}), path)
    with pytest.raises(CorpusError, match="no column 'text'; there are: body"):
        list(own.parquet_documents(path, ""))
    parquet.write_table(pa.table({"text": ["x", None]}), path)
    with pytest.raises(CorpusError, match="row 1: the column 'text' is not a string"):
        list(own.parquet_documents(path, ""))


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        own.domains(tmp_path / "missing")
    with pytest.raises(CorpusError, match="holds 0 domain"):
        own.domains(tmp_path)
    write_jsonl(tmp_path / "chat.jsonl", 0)
    (tmp_path / "chat").mkdir()
    with pytest.raises(CorpusError, match="given twice"):
        own.domains(tmp_path)
