"""Packages of the ordinary registries: fetched by their own clients, checked, and read in place.

Nothing is installed or unpacked: an archive lies in the user's cache, and its members are read from
it. A package is what its checksum says, wherever it was fetched from.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from bayescamel.exceptions import BayesCamelError

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60


class PackageError(BayesCamelError):
    """A package that cannot be fetched or is not what it should be."""


@dataclass(frozen=True)
class Package:
    """One release.

    Parameters
    ----------
    registry
        ``debian`` or ``npm``.
    sha256
        Of the archive.
    licence
        Of the text, as its makers name it.
    """

    registry: str
    name: str
    version: str
    sha256: str
    licence: str

    @property
    def file(self) -> str:
        """Name of the archive in the cache."""
        ending = "deb" if self.registry == "debian" else "tgz"
        return f"{self.name}_{self.version.replace(':', '%3a')}.{ending}"

    def command(self) -> list[str]:
        """What fetches the archive into the folder in which it is run."""
        if self.registry == "debian":
            return ["apt-get", "download", "-qq", f"{self.name}={self.version}"]
        return ["npm", "pack", "--silent", f"{self.name}@{self.version}"]


def fetch(package: Package, cache: Path) -> Path:
    """The archive, from the cache or else from its registry.

    Raises
    ------
    PackageError
        When the client is missing or finds nothing, or the checksum differs.
    """
    path = cache / package.file
    if not path.exists():
        client = package.command()[0]
        by_hand = f"or put the archive there by hand as {path}"
        if shutil.which(client) is None:
            raise PackageError(
                f"{package.name} {package.version} is fetched by {client}, which is not here: "
                f"install it, {by_hand}"
            )
        draft = cache / f".draft-{package.name}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            done = subprocess.run(
                package.command(), cwd=draft, capture_output=True, text=True, check=False
            )
            found = list(draft.iterdir())
            if done.returncode or len(found) != 1:
                said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
                raise PackageError(
                    f"{' '.join(package.command())} brought nothing ({said}): update the client's "
                    f"list of packages, {by_hand}"
                )
            found[0].replace(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != package.sha256:
        raise PackageError(
            f"{package.file} has sha256 {digest}, not {package.sha256}: delete it from {cache}"
        )
    return path


def members(archive: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Files of an archive whose names match a pattern, as (name, content), in its order.

    Names are relative to the root of the package; a pattern's ``*`` matches ``/`` too.
    """
    with tarfile.open(fileobj=_tar(archive)) as tar:
        for member in tar:
            name = member.name.removeprefix("./").removeprefix("package/")
            if member.isfile() and any(fnmatch(name, pattern) for pattern in patterns):
                content = tar.extractfile(member)
                assert content is not None
                yield name, content.read()


def _tar(archive: Path) -> io.BytesIO:
    """The tar file: that of npm itself, that of Debian's within an ar archive."""
    content = archive.read_bytes()
    if not content.startswith(AR_MAGIC):
        return io.BytesIO(content)
    at = len(AR_MAGIC)
    while at < len(content):
        header = content[at : at + AR_HEADER]
        size = int(header[48:58])
        at += AR_HEADER
        if header[:16].startswith(b"data.tar"):
            return io.BytesIO(content[at : at + size])
        at += size + size % 2
    raise PackageError(f"{archive.name} is no Debian package: it has no data.tar")
