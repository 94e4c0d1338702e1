"""A QR code arrives in many forms and leaves as a data URL that a page can show."""

from __future__ import annotations

import base64

import pytest
import segno

from fivapp_whatsapp.connectors.qr import find_qr, qr_data_url

PREFIX = "data:image/png;base64,"
DATA_URL = segno.make_qr("2@abc,def==").png_data_uri()
BASE64 = DATA_URL.removeprefix(PREFIX)


@pytest.mark.parametrize("name", ["qrCode", "qr", "qr_base64", "qrDataUrl", "qrCodeData"])
@pytest.mark.parametrize("form", [DATA_URL, BASE64])
def test_a_qr_code_is_found_under_all_its_names_in_both_image_forms(name: str, form: str) -> None:
    assert find_qr({name: form}) == DATA_URL


def test_base64_broken_into_lines_is_joined() -> None:
    assert qr_data_url("\n".join(BASE64[i : i + 76] for i in range(0, len(BASE64), 76)) + "\n") == DATA_URL


@pytest.mark.parametrize("code", ["2@abc+/=,def==,ghi==,1", "https://wa.me/settings/linked_devices#2@abc,def"])
def test_a_raw_code_is_rendered(code: str) -> None:
    shown = qr_data_url(code)
    assert shown is not None
    assert shown.startswith(PREFIX)
    assert base64.b64decode(shown.removeprefix(PREFIX)).startswith(b"\x89PNG\r\n\x1a\n")
    assert shown == segno.make_qr(code, error="l").png_data_uri(scale=6, border=4)


def test_a_qr_code_inside_an_object_is_found() -> None:
    assert find_qr({"qr": {"count": 1, "base64": DATA_URL}}) == DATA_URL


def test_the_next_name_is_tried_when_one_holds_no_qr_code() -> None:
    assert find_qr({"qrCode": "soon", "qr_base64": BASE64}) == DATA_URL


@pytest.mark.parametrize(
    "value",
    [
        None, "", 7, True, [], {}, {"count": 0}, "hello", "javascript:alert(1)", "https://evil.test/qr.png",
        "data:text/html;base64,PHNjcmlwdD4=", "data:image/svg+xml;base64,PHN2Zz4=", "data:image/png,raw",
        DATA_URL + '" onerror="x', "iVBOR<script>", "2@" + "x" * 5000, "iVBOR" + "A" * 300_000, "2@a b",
    ],
)  # fmt: skip
def test_what_is_no_qr_code_never_reaches_a_page(value: object) -> None:
    assert qr_data_url(value) is None
