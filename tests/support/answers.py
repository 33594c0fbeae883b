"""What a gateway's own answer says."""

from __future__ import annotations

import json

from support.messages import Response


def said(answer: Response) -> tuple[int, str]:
    """The status, and the message in Kong's form."""
    return answer.status, json.loads(answer.body)["message"]
