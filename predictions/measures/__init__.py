"""The running measures, in the order in which they are shown; a file not named here is an error."""

from typing import Final

MEASURES: Final[tuple[str, ...]] = (
    "us_china_gap",
    "us_china_win_probability",
    "us_china_gap_stated",
    "price_per_million_tokens",
    "price_per_task",
    "tenfold_claims",
    "market_segments",
    "inference_to_training",
    "track_balance",
    "hardware_fragmentation",
    "nvidia_training_share",
    "score_saturation",
    "energy",
    "usage",
    "chinese_adoption",
    "alignment",
    "compliance_industry",
)
