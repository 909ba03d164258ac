"""The definitions that dualtrack tracks, in the order in which they are shown; a file not named here is an error."""

from typing import Final

DEFINITIONS: Final[tuple[str, ...]] = (
    "p1a_imitators",
    "p1b_nvidia_share",
    "p2a_full_stack_winner",
    "p2b_biotech_unicorn",
    "p3a_intelligence_unit",
    "p3b_inference_cost",
    "p4a_cut_cost_incident",
    "p4b_hard_law",
)
