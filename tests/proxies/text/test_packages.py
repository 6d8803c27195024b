import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from proxies.text import recipe
from proxies.text.packages import Package, PackageError, fetch, members

FILES = {"usr/share/doc/a.txt": b"one\n", "usr/share/doc/deep/b.html": b"<p>two</p>"}


def tar(prefix: str, mode: Literal["w:xz", "w:gz"]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:
        for name, content in FILES.items():
            entry = tarfile.TarInfo(prefix + name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return held.getvalue()


def deb() -> bytes:
    """An ar archive of three members, the middle one of odd length."""
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"xyz", "data.tar.xz": tar("./", "w:xz")}
    out = b"!<arch>\n"
    for name, content in parts.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    return out


@pytest.mark.parametrize(
    ("registry", "content"), [("debian", deb()), ("npm", tar("package/", "w:gz"))]
)
def test_members_are_read_from_the_archive(tmp_path: Path, registry: str, content: bytes) -> None:
    package = Package(registry, "x", "1:2", hashlib.sha256(content).hexdigest(), "MIT")
    (tmp_path / package.file).write_bytes(content)
    archive = fetch(package, tmp_path)
    assert dict(members(archive, ("*",))) == FILES
    assert [name for name, _ in members(archive, ("usr/share/*.html",))] == [
        "usr/share/doc/deep/b.html"
    ]


def fake_client(folder: Path, script: str) -> None:
    path = folder / "npm"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_package_is_fetched_once_by_its_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Package("npm", "x", "1.2", hashlib.sha256(b"hello").hexdigest(), "MIT")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake_client(tmp_path, 'test "$3" = x@1.2 && printf hello > x-1.2.tgz')
    cache = tmp_path / "cache"
    assert fetch(package, cache).read_bytes() == b"hello"
    fake_client(tmp_path, "exit 1")
    assert fetch(package, cache).read_bytes() == b"hello"
    assert [path.name for path in cache.iterdir()] == [package.file]


def test_a_client_that_brings_nothing_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Package("npm", "x", "1.2", "0", "MIT")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake_client(tmp_path, "echo no such version >&2; exit 1")
    with pytest.raises(PackageError, match=r"npm pack --silent x@1\.2 .*no such version.* by hand"):
        fetch(package, tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(PackageError, match="npm, which is not here"):
        fetch(package, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    package = Package("debian", "x", "1", "0" * 64, "MIT")
    (tmp_path / package.file).write_bytes(b"other")
    with pytest.raises(PackageError, match=r"x_1\.deb has sha256"):
        fetch(package, tmp_path)


def test_every_source_of_the_recipe_is_pinned_with_a_licence() -> None:
    pinned = recipe.packages()
    used = {source.package for sources in recipe.DOMAINS.values() for source in sources}
    assert set(pinned) == used
    for package in pinned.values():
        assert len(package.sha256) == 64
        assert package.licence
        assert package.registry in ("debian", "npm")
    assert list(recipe.DOMAINS) == ["english", "chinese", "code", "math", "knowledge"]


def test_a_source_is_capped_in_the_order_of_a_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from proxies.text import readers

    content = tar("package/", "w:gz")
    package = Package("npm", "x", "1", hashlib.sha256(content).hexdigest(), "MIT")
    (tmp_path / package.file).write_bytes(content)
    monkeypatch.setattr(recipe, "packages", lambda: {"x": package})

    def take(cap: float, *but: str) -> list[str]:
        source = recipe.Source("x", ("*",), readers.plain, cap, but)
        monkeypatch.setitem(recipe.DOMAINS, "d", (source,))
        return [label for label, _ in recipe.documents("d", tmp_path)]

    whole = take(100)
    assert sorted(whole) == [f"x/{name}" for name in FILES]
    assert take(1) == whole[:1]
    assert take(100, "*.html") == ["x/usr/share/doc/a.txt"]
    with pytest.raises(Exception, match="x holds no text for 'd'"):
        take(100, "*")


def test_gzip_members_are_read() -> None:
    from proxies.text import readers

    assert list(readers.plain("a.txt.gz", gzip.compress("é\n".encode()))) == [("a.txt.gz", "é\n")]
