"""Signed webhooks: the other side can tell that an alert is ours, whole, and not an old one sent again.

``Dualtrack-Timestamp`` holds the seconds since 1970 at which the request was made. ``Dualtrack-Signature`` holds
``v1=`` and, in hexadecimal, the HMAC-SHA256 of the timestamp, a full stop, and the body as sent, under the secret.
"""

import hashlib
import hmac
from typing import Final

TIMESTAMP: Final = "dualtrack-timestamp"
SIGNATURE: Final = "dualtrack-signature"
_SCHEME: Final = "v1="


def signature_headers(secret: str, body: bytes, seconds: int) -> dict[str, str]:
    """The two headers for a body that is sent at that time."""
    return {TIMESTAMP: str(seconds), SIGNATURE: _SCHEME + _digest(secret, body, str(seconds))}


def _digest(secret: str, body: bytes, timestamp: str) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
