import ast
from pathlib import Path

from proxies import sources

CODE = '''"""A module docstring, long enough to be kept.

Short ones say little or nothing, and many packages repeat them.
"""

def f(x):
    """Twice."""
    # a comment
    return 2 * x
'''


def test_docstrings_and_code_share_no_text() -> None:
    code = sources.without_docstrings(CODE)
    prose = sources.docstrings(CODE, set())
    assert code is not None
    assert prose is not None
    assert "module docstring" in prose
    assert "docstring" not in code
    assert "# a comment" in code
    assert "return" not in prose
    ast.parse(code)


def test_a_docstring_is_taken_once() -> None:
    seen: set[str] = set()
    assert sources.docstrings(CODE, seen) == sources.docstrings(CODE, set())
    assert sources.docstrings(CODE, seen) is None


def test_code_that_does_not_parse_is_left_out() -> None:
    assert sources.without_docstrings("def f(:\n") is None
    assert sources.docstrings("def f(:\n", set()) is None


def test_order_is_seeded_and_does_not_depend_on_the_input_order(tmp_path: Path) -> None:
    files = [(f"a/{i}.py", tmp_path) for i in range(50)]
    order = [label for label, _ in sources.shuffled(files, 0)]
    assert order == [label for label, _ in sources.shuffled(files[::-1], 0)]
    assert order != [label for label, _ in sources.shuffled(files, 1)]
    assert order != sorted(order)


def test_metadata_header_is_no_prose() -> None:
    text = "Metadata-Version: 2.1\nName: x\n\n# Title\n\nText.\n"
    assert sources.description(text) == "# Title\n\nText.\n"


def test_installed_packages_hold_python_and_headers() -> None:
    labels = [label for label, _ in sources.package_files((".py", ".h"), ("METADATA",))]
    suffixes = [label.rpartition(".")[2] for label in labels]
    assert suffixes.count("py") > 1000
    assert suffixes.count("h") > 500
    assert sum(label.endswith("/METADATA") for label in labels) > 10
    assert all(label.startswith(("stdlib/", "packages/")) for label in labels)
    assert not any("license" in label.rpartition("/")[2].lower() for label in labels)
    assert not any("/site-packages/" in label or "__pycache__" in label for label in labels)
