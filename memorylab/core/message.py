"""A commit message as the account of an experiment: its subject and its trailers."""

import re

from memorylab.core.text import inline

_TRAILER = re.compile(r"^([A-Za-z][A-Za-z0-9-]*):[ \t]+(\S.*)$")


def read(message: str) -> tuple[str, dict[str, str]]:
    """(subject, trailers by lower-case name). Trailers are the lines `Name: value` of the last paragraph, as in git;
    of a name that recurs, the last one counts."""
    paragraphs = [part for part in re.split(r"\n[ \t]*\n", message.replace("\r\n", "\n").strip()) if part.strip()]
    subject = inline(paragraphs[0].splitlines()[0]) if paragraphs else ""
    trailers: dict[str, str] = {}
    if len(paragraphs) > 1:
        for line in paragraphs[-1].splitlines():
            found = _TRAILER.match(line)
            if found:
                trailers[found[1].lower()] = inline(found[2])
    return subject, trailers
