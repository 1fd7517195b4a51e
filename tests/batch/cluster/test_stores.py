"""Laws of addresses: what lies below one, and what of one is shown."""

import pytest

from emobridge.batch.cluster.stores import below, is_address, shown


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("folder", "folder/a/b.wav"),
        ("/folder/", "/folder/a/b.wav"),
        ("s3://bucket", "s3://bucket/a/b.wav"),
        ("s3://bucket/calls/?region=eu", "s3://bucket/calls/a/b.wav?region=eu"),
        ("zip://::s3://bucket/c.zip", "zip://a/b.wav::s3://bucket/c.zip"),
        ("zip://in::c.zip", "zip://in/a/b.wav::c.zip"),
        ("what?::no", "what?::no/a/b.wav"),
    ],
)
def test_what_lies_below_an_address_keeps_its_ending(address: str, expected: str) -> None:
    assert below(address, "a/b.wav") == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("folder/a@b?c.wav", "folder/a@b?c.wav"),
        ("s3://key:secret@bucket/a@b.wav?region=eu", "s3://bucket/a@b.wav"),
        ("zip://a@b.wav::s3://key:secret@bucket/c.zip?region=eu", "zip://a@b.wav::s3://bucket/c.zip"),
        ("file:///a/b.wav", "file:///a/b.wav"),
    ],
)
def test_what_may_be_secret_in_an_address_is_not_shown(address: str, expected: str) -> None:
    assert shown(address) == expected
    assert is_address(address) is (not address.startswith("folder"))
