"""Writes N generated events as JSON lines: all types, some currencies, some that must be rejected, some twice.

    python benchmarks/generate.py 100000 /tmp/events.jsonl

Deterministic for a seed; prints what it wrote as JSON: lines, and how many are bad or repeated on purpose.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ORGS = (
    "OpenAI",
    "Anthropic",
    "Google",
    "DeepSeek",
    "Mistral AI",
    "NVIDIA",
    "AMD",
    "Cerebras",
    "Amazon",
    "An Unknown Firm",
)
CURRENCIES = ("USD", "USD", "USD", "EUR", "GBP", "JPY", "TWD")
BAD_SHARE = 0.01
TWICE_SHARE = 0.01


def data_of(event: str, number: int, rng: random.Random) -> dict[str, Any]:
    """A plausible event of that type."""
    org, other = rng.sample(ORGS, 2)
    money = {"value": str(rng.randrange(10**6, 10**10)), "currency": rng.choice(CURRENCIES)}
    day = f"20{rng.randrange(23, 27)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    common = {"title": f"{org}, event {number}", "occurred_on": day, "urls": [f"https://example.org/{number}"]}
    specific: dict[str, dict[str, Any]] = {
        "deal": {
            "kind": rng.choice(["cloud", "compute supply", "licence"]),
            "parties": [{"name": org, "role": "buyer"}, {"name": other, "role": "supplier"}],
            "amount": money,
        },
        "model-release": {
            "kind": "model",
            "developer": org,
            "model": f"M-{number % 500}",
            "price": {"input": {"value": "1.25", "currency": "USD"}, "output": {"value": "10", "currency": "USD"}},
        },
        "benchmark": {
            "benchmark": "GPQA",
            "model": f"M-{number % 500}",
            "developer": org,
            "score": rng.uniform(20, 90),
            "unit": "percent",
        },
        "funding": {"company": org, "round": "series B", "amount": money, "investors": [other]},
        "metric": {"subject": org, "metric": "weekly users", "value": rng.randrange(10**6), "unit": "users"},
        "incident": {"system": f"Bot {number % 50}", "developer": org, "severity": "minor"},
        "policy": {"jurisdiction": "EU", "instrument": f"Act {number % 20}", "stage": "proposed"},
        "headline": {"orgs": [org]},
    }
    return {**common, **specific[event]}


def lines(count: int, seed: int, told: dict[str, int]) -> Iterator[str]:
    """The lines; counts in ``told`` what is bad and what is a repetition."""
    rng = random.Random(seed)
    types = ("deal", "model-release", "benchmark", "funding", "metric", "incident", "policy", "headline")
    last = ""
    for number in range(count):
        dice = rng.random()
        event = rng.choice(types)
        data = data_of(event, number, rng)
        if dice < BAD_SHARE:
            told["bad"] += 1
            data["occurred_on"] = rng.choice(["1875-03-01", "soon", "2190-01-01"])
        elif dice < BAD_SHARE + TWICE_SHARE and last:
            told["twice"] += 1
            yield last
            continue
        envelope = {
            "specversion": "1.0",
            "id": f"{seed}-{number}",
            "source": "benchmarks/generate",
            "type": f"ai.dualtrack.{event}.v1",
            "time": "2026-11-01T12:00:00Z",
        }
        line = json.dumps({**envelope, "data": data})
        if dice >= BAD_SHARE:
            last = line
        yield line


def main() -> None:
    """Parse the arguments and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    told = {"lines": options.count, "bad": 0, "twice": 0}
    with options.file.open("w", encoding="utf-8") as file:
        for line in lines(options.count, options.seed, told):
            file.write(line + "\n")
    json.dump(told, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
