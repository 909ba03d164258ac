"""Read a headline: where it plainly reports a funding round or a takeover, it becomes that typed event.

Precision first. A headline is read only when the whole of it fits a narrow form, both ends are organisations of the
registry, and no word makes it less than a fact ("sources", "talks", "could", a question mark). Everything else stays a
headline with its scores, which is no loss: nothing is dropped, and a person or a better reader can come later.

The typed event keeps the input and the identity of its headline (one record in, one outcome). Its data is the
headline's with the new fields, ``derived_from`` and ``read_from``: for each field the words that it was read from.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from registry.loader import Organisation, load_organisations
from schemas.events import Deal, Event, Funding, Headline
from schemas.outcomes import Parsed
from schemas.values import Qualifier, Status

_LONGEST: Final = 300
"""Characters of a headline that is read; longer ones are no single statement."""
_WORTH_READING: Final = re.compile(
    r" (?:[Rr]aise[sd]|[Ss]ecure[sd]|[Cc]loses|[Ll]and(?:s|ed)|[Nn]ab|[Aa]cquire|[Bb]uy|[Cc]ompletes)"
)
"""A quick look, since nearly all headlines fail it."""
_HEDGED: Final = re.compile(
    r"\?|\b(?:sources?|reports?|reportedly|rumou?r\w*|talks?|said to|seek(?:s|ing)?|plan(?:s|ned|ning)?|consider\w*"
    r"|may|might|could|would|explor\w+|discuss\w*|near(?:s|ing)|bid|offer(?:s|ed)?|tried|wanted|denies|denied|not|never"
    r"|fail\w*|scrap\w*|abandon\w*|cancel\w*|call(?:s|ed) off|block\w*|halt\w*|if|why|how|ex|former|rival of|charity"
    r"|aims?|hopes?)\b",
    re.IGNORECASE,
)
_MONEY: Final = (
    r"(?P<{0}before>more than |over |at least |up to |about |around |nearly |almost |roughly |some |~|another )?"
    r"(?P<{0}sign>US\$|\$|€|£)(?P<{0}number>\d{{1,3}}(?:,\d{{3}})*(?:\.\d{{1,3}})?)[ -]?"
    r"(?P<{0}scale>trillion|tn|T|billion|bn|bln|B|million|mn|mln|M)(?P<{0}plus>\+)?(?![\w.])"
)
_SUBJECT: Final = r"^(?P<who>[^,;:–—]{1,80}?) "
_RAISES: Final = re.compile(
    _SUBJECT
    + r"(?P<verb>raise[sd]|closes|secure[sd]|land(?:s|ed)|nab(?:s|bed)) (?:an? )?"
    + _MONEY.format("amount_")
    # What may follow: "raises $5M contract" and "raises $2B stake" are something else.
    + r"(?P<rest>$|,.*|;.*| (?:in|from|at|to|for|Series|seed|funding|round|led|as|with)\b.*)$",
    re.IGNORECASE,
)
_ROUND: Final = re.compile(r"\b(Series [A-K]\d?|seed)\b|\b(?:funding|round|financing)\b", re.IGNORECASE)
_DEBT: Final = re.compile(r"\b(?:debt|bonds?|loans?|notes|credit)\b", re.IGNORECASE)
_NOT_A_ROUND: Final = re.compile(
    r"\b(?:contract|(?<!to )fund|guidance|outlook|forecast|IPO|stake|prices?|tax\w*|fine|grants?)\b", re.I
)
_VALUED: Final = re.compile(
    r"\bat (?:an? )?" + _MONEY.format("at_") + r" (?:post-money )?valuation\b|\bvaluation of " + _MONEY.format("of_"),
    re.IGNORECASE,
)
_LED_BY: Final = re.compile(r"\bled by (?P<lead>[^,;:]{2,40}?)(?=$|[,;]| at | and | to | with )")
_BUYS: Final = re.compile(
    _SUBJECT + r"(?P<verb>acquires|buys|to acquire|to buy|agrees to (?:acquire|buy)|completes (?:its )?acquisition of) "
    r"(?P<what>[^,;:–—]{1,60}?)(?: (?:for|in)(?: an?)? "
    + _MONEY.format("amount_")
    + r"(?: (?:all-)?(?:stock|cash) deal| deal)?)?"
    # A list ("buys Nvidia, AMD chips") must not pass for a takeover: after a comma only what explains.
    + r"(?:$|, (?:an?|the|which|in|expanding|adding|as|its)\b.*| (?:to|as) .*)$",
    re.IGNORECASE,
)
_PLAIN_WORDS: Final = re.compile(
    r"(?:(?:A\.?I\.?|the|artificial intelligence|start-?up|company|maker|chip ?maker|lab|firm|giant|developer"
    r"|coding|voice|search|video|robotics|chip|cloud|French|Chinese|Canadian|German|[\w.]+-backed"
    r"|(?:\w+ )?\w+['’]s) )*",
    re.IGNORECASE,
)
_SCALES: Final = {"m": 10**6, "b": 10**9, "t": 10**12}
_SIGNS: Final = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP"}
_BEFORE: Final = {
    "up to": Qualifier.UP_TO,
    **dict.fromkeys(("more than", "over", "at least"), Qualifier.AT_LEAST),
    **dict.fromkeys(("about", "around", "nearly", "almost", "roughly", "some", "~"), Qualifier.ABOUT),
}
Fields = dict[str, Any]


def read_headline(parsed: Parsed) -> Parsed | None:
    """The typed event that a headline plainly reports; None where it is no headline or is not sure. Never raises."""
    event = parsed.event
    if not isinstance(event, Headline) or event.status is not Status.ANNOUNCED or event.retracts or event.corrects:
        return None
    title = " ".join(event.title.split())
    if len(title) > _LONGEST or not _WORTH_READING.search(title):
        return None
    for model, read in ((Funding, _read_funding), (Deal, _read_takeover)):
        found = read(title)
        if found is not None and not _HEDGED.search(title):
            return _typed(parsed, model, *found)
    return None


def _typed(parsed: Parsed, model: type[Event], fields: Fields, words: Mapping[str, str]) -> Parsed | None:
    identity = {"source": parsed.envelope.source, "id": parsed.envelope.id}
    data = {**parsed.data, **fields, "derived_from": identity, "read_from": dict(words)}
    try:
        event = model.model_validate(data)
    except ValidationError:  # the headline carried a field of that name which means something else there
        return None
    return replace(parsed, event=event, data=data)


def _read_funding(title: str) -> tuple[Fields, dict[str, str]] | None:
    match = _RAISES.match(title)
    if match is None or _NOT_A_ROUND.search(match["rest"]) or (company := _known(match["who"])) is None:
        return None
    named_round = _ROUND.search(match["rest"])
    if named_round is None and not match["verb"].casefold().startswith("raise"):
        return None  # "lands $200M from the Pentagon" is a contract
    fields: Fields = {"company": company[0], "amount": _money(match, "amount_")}
    words = {"company": match["who"], "amount": match[0][match.start("amount_sign") : match.start("rest")]}
    if debt := _DEBT.search(match["rest"]):
        fields["round"], words["round"] = "debt", debt[0]
    elif named_round and named_round[1]:
        fields["round"], words["round"] = _round_name(named_round[1]), named_round[0]
    valued = list(_VALUED.finditer(match["rest"]))
    if len(valued) == 1:
        kind = "at_" if valued[0]["at_sign"] else "of_"
        fields["valuation"], words["valuation"] = _money(valued[0], kind), valued[0][0]
    if (led := _LED_BY.search(match["rest"])) and (lead := _known(led["lead"])):
        fields["lead"], words["lead"] = lead[0], led[0]
    return fields, words


def _read_takeover(title: str) -> tuple[Fields, dict[str, str]] | None:
    match = _BUYS.match(title)
    if match is None:
        return None
    buyer, target = _known(match["who"]), _known(match["what"])
    if buyer is None or target is None or buyer[1].id == target[1].id:
        return None
    parties = [{"name": buyer[0], "role": "acquirer"}, {"name": target[0], "role": "target"}]
    fields: Fields = {"kind": "acquisition", "parties": parties}
    words = {"kind": match["verb"], "parties.0": match["who"], "parties.1": match["what"]}
    if match["verb"].casefold().startswith("completes"):
        fields["status"], words["status"] = Status.CLOSED.value, match["verb"]
    if match["amount_sign"]:
        fields["amount"] = _money(match, "amount_")
        words["amount"] = match[0][match.start("amount_sign") : match.end("amount_scale")]
    return fields, words


def _known(text: str) -> tuple[str, Organisation] | None:
    """The organisation that a text names, and the name as written; only plain words may stand before it."""
    plain = _PLAIN_WORDS.match(text)
    for name in dict.fromkeys((text, text[plain.end() :] if plain else text)):
        org = load_organisations().resolve(name)
        if org is not None and org.sector not in ("government", "university"):
            return name, org
    return None


def _money(match: re.Match[str], prefix: str) -> Fields:
    """An amount as ``Money`` reads it, in whole units of its currency."""
    value = Decimal(match[f"{prefix}number"].replace(",", "")) * _SCALES[match[f"{prefix}scale"][0].casefold()]
    before = (match[f"{prefix}before"] or "").strip().casefold()
    qualifier = Qualifier.AT_LEAST if match[f"{prefix}plus"] else _BEFORE.get(before, Qualifier.EXACT)
    return {"value": int(value), "currency": _SIGNS[match[f"{prefix}sign"].upper()], "qualifier": qualifier.value}


def _round_name(words: str) -> str:
    return "seed" if words.casefold() == "seed" else f"series {words.split()[1].upper()}"
