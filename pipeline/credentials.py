"""What Faust takes as ``broker_credentials``, from the options that kafka-python and aiokafka share."""

from collections.abc import Mapping
from typing import Any

import faust


def faust_credentials(options: Mapping[str, Any]) -> Any:
    """None for a plaintext connection. Faust takes the protocol from the kind and from whether there is a context."""
    context = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            mechanism=options["sasl_mechanism"],
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
