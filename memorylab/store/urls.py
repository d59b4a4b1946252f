"""URLs as they may be shown: without the password or token that is in them."""

import re

_SECRET = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)[^\s/'\"<>@]{0,300}(?::[^\s'\"<>@/]{0,900}|[^\s/'\"<>@]{16})(?:@[^\s'\"<>@/]{0,300}(?=@))?@"
)


def without_passwords(text: str) -> str:
    """Text in which no URL has a password or a token: what is said of remotes."""
    return _SECRET.sub(r"\1***@", text) if "://" in text else text
