"""From text to tokens: bytes, or a tokeniser that a user brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bayescamel.exceptions import BayesCamelError
from proxies.shapes import VOCABULARY

Tokens = npt.NDArray[np.unsignedinteger]
END_NAMES = ("<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>", "[SEP]")


class Tokeniser(Protocol):
    """Turns text into tokens; ``separator`` ends every document."""

    vocabulary: int
    separator: int
    name: str

    def encode(self, text: bytes) -> Tokens:
        """Tokens of UTF-8 text, without the separator."""


class ByteTokeniser:
    """A token is a byte of UTF-8; the byte 0, which text does not have, ends a document."""

    vocabulary = VOCABULARY
    separator = 0
    name = "bytes"

    def encode(self, text: bytes) -> Tokens:
        """The bytes."""
        return np.frombuffer(text.replace(b"\0", b""), np.uint8)


class FileTokeniser:
    """A ``tokenizer.json`` of the library ``tokenizers``, which the user installs.

    Raises
    ------
    BayesCamelError
        When the library is missing, or the file is none or knows no token that ends a document.
    """

    def __init__(self, path: Path, end_names: Sequence[str] = END_NAMES) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise BayesCamelError(
                "a tokenizer file needs the library: pip install tokenizers"
            ) from error
        if not path.is_file():
            raise BayesCamelError(f"no tokenizer file at {path}")
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises Exception itself
            raise BayesCamelError(f"{path.name} is no tokenizer file: {error}") from error
        ends = [self._tokenizer.token_to_id(name) for name in end_names]
        known = [number for number in ends if number is not None]
        if not known:
            raise BayesCamelError(
                f"{path.name} has no token that ends a document; known names: "
                f"{', '.join(end_names)}"
            )
        self.separator = known[0]
        self.vocabulary = self._tokenizer.get_vocab_size(with_added_tokens=True)
        self.name = path.name

    def encode(self, text: bytes) -> Tokens:
        """Tokens of the text, in 2 bytes each where the vocabulary allows."""
        numbers = self._tokenizer.encode(text.decode("utf-8"), add_special_tokens=False).ids
        return np.array(numbers, np.uint16 if self.vocabulary <= 2**16 else np.uint32)
