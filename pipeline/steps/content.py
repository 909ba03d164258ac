"""The content of an event as a hash: does a second record with the same identity say the same?"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def content_hash(cloudevents_type: str, data: Mapping[str, Any]) -> str:
    """SHA-256 of type and data in canonical form. The envelope's time is left out: a retry may carry a new one."""
    canonical = json.dumps([cloudevents_type, data], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
