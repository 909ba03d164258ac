"""``dualtrack schema export``: the files, and whether they are stale."""

import json
from pathlib import Path

from dualtrack.schema_files import COMMITTED
from tests.dualtrack.kit import dualtrack, json_of


def test_export_writes_what_is_committed(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    written = json_of("schema", "export", "--to", str(folder), home=tmp_path)["written"]
    assert sorted(Path(name).name for name in written) == sorted(path.name for path in COMMITTED.iterdir())
    assert json.loads((folder / "deal.v1.json").read_text())["title"] == "Deal"
    said = dualtrack("schema", "export", "--to", str(folder), home=tmp_path).stdout
    assert said == f"{len(written)} files in {folder}\n"


def test_check_says_which_are_stale_and_what_to_run(tmp_path: Path) -> None:
    assert json_of("schema", "export", "--check", home=tmp_path) == {"stale": []}
    assert "up to date" in dualtrack("schema", "export", "--check", home=tmp_path).stdout
    folder = tmp_path / "schemas"
    dualtrack("schema", "export", "--to", str(folder), home=tmp_path)
    (folder / "deal.v1.json").write_bytes(b"\xff")
    (folder / "left-over.json").write_text("{}")
    (folder / "policy.v1.json").unlink()
    said = dualtrack("schema", "export", "--check", "--to", str(folder), "--json", home=tmp_path, exit_code=1)
    assert json.loads(said.stdout) == {"stale": ["deal.v1.json", "left-over.json", "policy.v1.json"]}
    assert f"dualtrack schema export --to {folder}" in said.stderr


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    missing, file = tmp_path / "missing", tmp_path / "file"
    file.touch()
    assert (
        "stale in" in dualtrack("schema", "export", "--check", "--to", str(missing), home=tmp_path, exit_code=1).stderr
    )
    assert f"{file} is a file" in dualtrack("schema", "export", "--to", str(file), home=tmp_path, exit_code=1).stderr
