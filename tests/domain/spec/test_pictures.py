"""Pictures in a row: bytes, addresses, structs of data sets; what is none is the row's error, and nothing is sent."""

import base64
from typing import Any

import pytest

from domain.errors import RowTemplateError
from domain.spec.pictures import PictureTemplate

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 20).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + b"x" * 20).decode()
WEBP = base64.b64encode(b"RIFF1234WEBP").decode()
URI = "data:image/png;base64,{{ image.bytes }}"


def address(template: str, **values: Any) -> str:
    return PictureTemplate("image", template).render(values)


@pytest.mark.parametrize(
    ("template", "image", "expected"),
    [
        ("data:image/png;base64,{{ image }}", PNG, f"data:image/png;base64,{PNG}"),
        (URI, {"bytes": PNG, "path": "1.png"}, f"data:image/png;base64,{PNG}"),
        ("{{ image }}", PNG, f"data:image/png;base64,{PNG}"),
        ("{{ image }}", JPEG, f"data:image/jpeg;base64,{JPEG}"),
        ("{{ image }}", WEBP, f"data:image/webp;base64,{WEBP}"),
        ("{{ image }}", {"bytes": JPEG, "path": "1.jpg"}, f"data:image/jpeg;base64,{JPEG}"),
        ("{{ image }}", {"bytes": None, "path": "https://example.org/1.png"}, "https://example.org/1.png"),
        ("{{ row.image }}", {"bytes": PNG, "path": None}, f"data:image/png;base64,{PNG}"),
        ("{{ image }}", " https://example.org/1.png\n", "https://example.org/1.png"),
        ("https://example.org/{{ image }}", "1.png", "https://example.org/1.png"),
        ("{{ image }}", f"data:image/gif;base64,{PNG}", f"data:image/gif;base64,{PNG}"),
        ("{{ image.url }}", {"url": "https://example.org/a"}, "https://example.org/a"),
    ],
)
def test_a_picture_is_found_wherever_it_lies(template: str, image: Any, expected: str) -> None:
    assert address(template, image=image) == expected


@pytest.mark.parametrize(
    ("template", "image", "code", "message"),
    [
        (URI, {"bytes": None, "path": "2.png"}, "empty_picture", "the picture is empty"),
        (URI, {"bytes": "", "path": "2.png"}, "empty_picture", "the picture is empty"),
        ("data:image/png;base64,{{ image }}", None, "empty_picture", "the picture is empty"),
        ("{{ image }}", None, "empty_picture", "the picture is empty"),
        ("{{ image }}", "", "empty_picture", "the picture is empty"),
        ("{{ image }}", {"bytes": None, "path": None}, "empty_picture", "the picture is empty"),
        (URI, None, "template_error", "column 'image' is null"),
        ("{{ image.bytes }}", None, "template_error", "column 'image' is null"),
        (
            "{{ image }}",
            {"bytes": None, "path": "2.png"},
            "bad_picture",
            "Files that a path names are not read",
        ),
        ("{{ image }}", "C:\\pictures\\2.png", "bad_picture", "'C:\\\\pictures\\\\2.png' is no picture"),
        ("{{ image }}", "nan", "bad_picture", "no picture"),
        ("{{ other }}", PNG, "missing_column", "no column named 'other'"),
    ],
)
def test_what_is_no_picture_is_told(template: str, image: Any, code: str, message: str) -> None:
    with pytest.raises(RowTemplateError) as caught:
        address(template, image=image)
    assert caught.value.code == code
    assert message in str(caught.value)
