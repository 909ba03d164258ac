"""The currencies that exist or existed lately: ISO 4217 as pycountry carries it."""

from functools import cache


@cache
def known_currencies() -> frozenset[str]:
    """Alphabetic codes of ISO 4217: money and metals of today (about 180), and what was withdrawn since 1999.

    An event of its day may be in a currency that is gone (HRK until 2022, BGN until 2025). Takes about 20 ms, once.
    """
    import pycountry  # here, because the import costs most of it and a program may never need it

    return frozenset(currency.alpha_3 for currency in pycountry.currencies) | WITHDRAWN


WITHDRAWN = frozenset(
    """
    ATS BEF BGN CSD CYP DEM EEK ESP FIM FRF GRD HRK IEP ITL LTL LUF LVL MTL NLG PTE ROL SIT SKK TRL ZWL
    """.split()  # noqa: SIM905 - a list of 25 strings takes four lines and is harder to read
)
"""Withdrawn since 1999, when the European Central Bank's rates begin. Source: ISO 4217, list three."""
