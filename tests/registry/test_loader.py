"""The registry: what ships is sound, and what is broken says where."""

from pathlib import Path

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.currencies import known_currencies
from registry.loader import (
    Archetype,
    RegistryError,
    load_lexicon,
    load_organisations,
    load_products,
    load_reference_tables,
    normalise,
    stems,
)

SEED = [
    "OpenAI",
    "Cerebras Systems",
    "Anthropic",
    "Google DeepMind",
    "NVIDIA",
    "AMD",
    "DeepSeek",
    "Qwen",
    "GLM",
    "Zhipu",
    "Groq",
    "SambaNova",
    "Tenstorrent",
    "Sequoia",
    "SpaceX",
    "xAI",
    "Tinder",
    "Broadcom",
    "Huawei",
    "Meta",
    "Alibaba",
    "Stanford",
]
GOOD = """\
organisations:
  - {id: a, name: Alpha, archetype: other, region: A, country: US, sector: x, source: FACTS.md}
  - {id: b, name: Beta, aliases: [Beta2], archetype: investor, region: A, country: US, parent: a, sector: x, source: y}
"""


def test_ships_the_organisations_of_the_seed() -> None:
    registry = load_organisations()
    for name in SEED:
        assert registry.resolve(name) is not None, name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Open AI, Inc.", "openai"),
        ("NVIDIA Corporation", "nvidia"),
        ("Ｎｖｉｄｉａ", "nvidia"),
        ("阿里巴巴", "alibaba"),
        ("深度求索", "deepseek"),
        ("Z.ai (Zhipu AI)", "zhipu"),
        ("zhipuai", "zhipu"),
        ("01 AI", "01-ai"),
        ("SpaceXAI", "xai"),
        ("Facebook", "meta"),
        ("togetherai", "together-ai"),
        ("Moore Threads (Tencent)", "moore-threads"),
    ],
)
def test_resolves_every_usual_spelling(written: str, meant: str) -> None:
    org = load_organisations().resolve(written)
    assert org is not None
    assert org.id == meant


def test_does_not_guess() -> None:
    for name in ("", "  ", "...", "Open", "Nvidia rival", "OpenAI and Microsoft", "US"):
        assert load_organisations().resolve(name) is None, name


@given(st.text(max_size=80))
def test_resolving_never_raises_and_ignores_case_and_edges(text: str) -> None:
    registry = load_organisations()
    assert registry.resolve(f"  {text}. ") is registry.resolve(text) or not normalise(text)


@given(st.sampled_from(sorted(load_organisations().by_id)), st.sampled_from(["", " Inc.", ", Ltd.", " Corp", " LLC"]))
def test_every_name_resolves_to_its_own_row_with_any_legal_form(org_id: str, form: str) -> None:
    registry = load_organisations()
    org = registry.by_id[org_id]
    for name in (org.id, org.name, *org.aliases):
        assert registry.resolve(name + form) is org
        assert registry.resolve(name.upper()) is org


def test_parents_lead_to_the_top() -> None:
    registry = load_organisations()
    assert registry.root("google-deepmind") == "alphabet"
    assert registry.root("x") == "spacex"
    assert registry.root("openai") == "openai"
    with pytest.raises(KeyError):
        registry.root("nobody")


def test_countries_are_iso_3166_and_every_archetype_is_used() -> None:
    orgs = load_organisations().by_id.values()
    assert {org.country for org in orgs} <= {country.alpha_2 for country in pycountry.countries}
    assert {org.archetype for org in orgs} == set(Archetype)


def test_alternative_chip_designers_are_marked() -> None:
    designers = {org.id for org in load_organisations().by_id.values() if org.designs_accelerators}
    assert {
        "nvidia",
        "amd",
        "broadcom",
        "huawei",
        "google",
        "amazon",
        "microsoft",
        "meta",
        "cerebras",
        "groq",
    } <= designers
    assert not designers & {"tsmc", "asml", "sk-hynix", "softbank", "sequoia", "coreweave"}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (GOOD.replace("[Beta2]", "[ALPHA Inc]"), 3, "already belongs to a"),
        (GOOD.replace("id: b", "id: a"), 3, "this id stands twice"),
        (GOOD.replace("parent: a", "parent: c"), 3, "'c' is in no row"),
        (GOOD.replace("archetype: other", "parent: b, archetype: other"), 2, "its own ancestor"),
        (GOOD.replace("archetype: investor", "archetype: bank"), 3, "archetype"),
        (GOOD.replace("sector: x, source: y", "sectr: x, source: y"), 3, "sectr"),
        (GOOD.replace("source: y", ""), 3, "source"),
        (GOOD.replace("[Beta2]", '["..."]'), 3, "no letter and no digit"),
        (GOOD.replace("name: Beta,", "name: [Beta,"), 3, "not valid YAML"),
        (GOOD.replace("name: Beta", "name: Beta, name: Gamma"), 3, "not valid YAML"),
        ("organisations: 3\n", 1, "needs a list of rows"),
        ("", None, "needs a list of rows"),
    ],
)
def test_a_broken_file_says_where_and_what(tmp_path: Path, text: str, line: int | None, problem: str) -> None:
    path = tmp_path / "organisations.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RegistryError) as raised:
        load_organisations(path)
    assert raised.value.line == line
    assert problem in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_missing_or_undecodable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be read"):
        load_organisations(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"organisations: [\xff]")
    with pytest.raises(RegistryError, match="not UTF-8"):
        load_organisations(tmp_path / "latin.yaml")


def test_products_name_makers_that_exist() -> None:
    assert {product.name: product.maker for product in load_products()}["ChatGPT"] == "openai"


def test_a_product_of_nobody_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("products:\n  - {name: P, maker: nobody, use: model, source: s}\n", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"models\.yaml:2.*nobody"):
        load_products(path)


def test_lexicon_rows_say_where_they_come_from() -> None:
    lexicon = load_lexicon()
    for reason in (*lexicon.terms, *lexicon.patterns, *lexicon.fields, *lexicon.entities, *lexicon.products):
        assert reason.source.startswith(("guide", "examples")), reason


def test_a_phrase_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.yaml"
    row = "  - {track: cost, weight: 1, source: guide, phrases: [%s]}\n"
    path.write_text("terms:\n" + row % "AI chip" + row % "ai-chips", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"lexicon\.yaml:3.*stands already"):
        load_lexicon(path)


def test_words_are_compared_without_plural_possessive_and_hyphen() -> None:
    assert stems("OpenAI’s AI-powered chips: the A.I. news") == ["openai", "ai", "powered", "chip", "the", "ai", "news"]


def test_reference_tables_are_read(tmp_path: Path) -> None:
    for name in ("training_hardware", "model_builders", "market_segments"):
        rows = "rows:\n  - {name: x, value: 1.5}\n  - {name: y, value: null}\n"
        (tmp_path / f"{name}.yaml").write_text(
            f"table: {name}\ndescription: d\nsource: FACTS.md\n{rows}", encoding="utf-8"
        )
    tables = load_reference_tables(tmp_path)
    assert tables["market_segments"].rows[1] == {"name": "y", "value": None}


def test_a_reference_table_with_uneven_rows_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "training_hardware.yaml").write_text(
        "table: t\ndescription: d\nsource: s\nrows:\n  - {a: 1}\n  - {a: 1, b: 2}\n", encoding="utf-8"
    )
    with pytest.raises(RegistryError, match=r"training_hardware\.yaml:6.*b"):
        load_reference_tables(tmp_path)


def test_currencies_are_those_of_iso_4217() -> None:
    known = known_currencies()
    assert {"USD", "EUR", "TWD", "AED", "CNY"} <= known
    assert "BTC" not in known
    assert all(len(code) == 3 and code.isupper() for code in known)
