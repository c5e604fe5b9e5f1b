"""The address of a picture, made from a row: an address, a `data:` URI, bytes, or the struct of a data set."""

from collections.abc import Mapping
from typing import Any

from domain.errors import RowTemplateError
from domain.templates.fields import MAX_IMAGE_CHARS, Column, FieldTemplate
from domain.templates.functions import Work
from domain.templates.row_text import text_of

MAX_SHOWN_CHARS = 60

# How base64 begins of what the service takes as pictures.
_KINDS = {"iVBORw0KGg": "png", "/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp"}


class PictureTemplate(FieldTemplate):
    """A template whose text is the address of a picture. What is no picture is its row's error, and nothing is sent."""

    def __init__(self, path: str, source: str) -> None:
        super().__init__(path, source, MAX_IMAGE_CHARS)
        parts = self.parts or ()
        self._column = parts[0].name if len(parts) == 1 and isinstance(parts[0], Column) else None
        self.parts = None  # it has to be looked at as a whole

    def render(self, values: Mapping[str, Any], work: Work | None = None) -> str:
        """Give the address for a row. Raises RowTemplateError, for a missing picture as well."""
        value = values.get(self._column) if self._column is not None else None
        if isinstance(value, Mapping):
            return self._address(text_of(_of_struct(value)))
        return self._address(super().render(values, work))

    def _address(self, text: str) -> str:
        bare = text.strip()
        if not bare or (bare.startswith("data:") and not bare.partition(",")[2]):
            raise RowTemplateError(f"{self.path}: the picture is empty", code="empty_picture")
        if bare.startswith(("data:", "http://", "https://")):
            return bare
        for beginning, kind in _KINDS.items():
            if bare.startswith(beginning):
                return f"data:image/{kind};base64,{bare}"
        raise RowTemplateError(
            f"{self.path}: {bare[:MAX_SHOWN_CHARS]!r} is no picture: neither an address (http, https) nor a `data:` URI, nor "
            "the bytes of a png, jpeg, gif or webp. Files that a path names are not read.",
            code="bad_picture",
        )


def _of_struct(value: Mapping[str, Any]) -> object:
    """Take the picture out of a struct as data sets have it: its bytes, else its path or address."""
    found = (value.get(key) for key in ("bytes", "data", "url", "path"))
    return next((part for part in found if part is not None), None)
