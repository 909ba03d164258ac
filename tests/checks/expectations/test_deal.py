"""Rules for deals."""

import pytest

from checks.expectations.deal import CHECKS
from checks.rule import Rule
from checks.runner import CheckRunner
from tests.checks.expectations.examples import Example, Examples, assert_example
from tests.factories import make_classified, usd

_PARTIES = [{"name": "NVIDIA", "role": "supplier"}, {"name": "OpenAI", "role": "buyer"}]
_STAKE = {"holder": "OpenAI", "issuer": "Cerebras", "max_share": 0.6}

EXAMPLES: Examples = {
    "deal.same-party-twice": Example(
        make_classified("deal", parties=[*_PARTIES, {"name": "Nvidia", "role": "investor"}]),
        make_classified("deal", parties=_PARTIES),
        "NVIDIA (supplier), OpenAI (buyer), Nvidia (investor)",
    ),
    "deal.stake-over-whole": Example(
        make_classified("deal", equity=[_STAKE, _STAKE]),
        make_classified("deal", equity=[_STAKE, {"holder": "OpenAI", "issuer": "AMD", "max_share": 0.6}]),
        "120.0% of one issuer",
    ),
    "deal.tranches-exceed-amount": Example(
        make_classified("deal", amount=usd(10e9), tranches=[{"amount": usd(10e9)}, {"amount": usd(5e9)}]),
        make_classified("deal", amount=usd(10e9), tranches=[{"amount": usd(4e9)}, {"amount": usd(6e9)}]),
        "1.5 times its amount",
    ),
    "deal.ends-before-start": Example(
        make_classified("deal", until="2025-12-31"),
        make_classified("deal", until="2031-12-31"),
        "until 2025-12-31, before it occurred (2026-04-16)",
    ),
    "deal.capacity-impossible": Example(
        make_classified("deal", capacity_gw=4500), make_classified("deal", capacity_gw=4.5), "4500 GW"
    ),
    "deal.capacity-large": Example(
        make_classified("deal", capacity_gw=750), make_classified("deal", capacity_gw=10), "750 GW"
    ),
    "deal.amount-tiny": Example(
        make_classified("deal", amount=usd(6.6)), make_classified("deal", amount=usd(6.6e9)), "6.6 USD is tiny"
    ),
}


@pytest.mark.parametrize("rule", CHECKS.rules, ids=lambda rule: rule.id)
def test_rule(runner: CheckRunner, rule: Rule) -> None:
    assert_example(runner, rule, EXAMPLES)


def test_tranches_in_other_currencies_are_compared_in_usd(runner: CheckRunner) -> None:
    deal = make_classified("deal", amount=usd(10e9), tranches=[{"amount": usd(10e9, "EUR")}])
    [checked] = runner.run([deal]).passed
    assert [finding.rule for finding in checked.warnings] == ["deal.tranches-exceed-amount"]


def test_a_tranche_without_a_rate_is_no_reason_to_warn(runner: CheckRunner) -> None:
    deal = make_classified("deal", amount=usd(10e9, "TWD"), tranches=[{"amount": usd(11e9, "KRW")}])
    [checked] = runner.run([deal]).passed
    assert checked.warnings == ()
