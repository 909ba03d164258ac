"""The calibration plot: well formed whatever a name holds, with a dot where its bin says."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from dualtrack.calibration_svg import calibration_svg
from predictions.scoring import Bin

SVG = "{http://www.w3.org/2000/svg}"
BINS = [Bin(0.0, 0.1, 9, 0.05, 0.0), Bin(0.1, 0.2, 0, None, None), Bin(0.9, 1.0, 1, 1.0, 1.0)]


def test_dots_stand_where_their_bins_say_and_grow_with_them() -> None:
    drawing = ElementTree.fromstring(calibration_svg(BINS, "Ada"))  # noqa: S314  # we wrote it
    few, many = sorted(drawing.iter(f"{SVG}circle"), key=lambda dot: float(dot.attrib["r"]))
    diagonal = next(line for line in drawing.iter(f"{SVG}line") if "stroke-dasharray" in line.attrib)
    ends = {name: float(diagonal.attrib[name]) for name in ("x1", "y1", "x2", "y2")}
    assert (float(few.attrib["cx"]), float(few.attrib["cy"])) == (ends["x2"], ends["y2"])
    assert ends["x1"] < float(many.attrib["cx"]) < ends["x2"]
    assert float(many.attrib["cy"]) == ends["y1"]
    texts = [text.text for text in drawing.iter(f"{SVG}text")]
    assert "Calibration of Ada: 10 forecasts" in texts
    assert {"9", "1", "mean forecast", "share that was met", "100%"} <= set(texts)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_name_gives_a_well_formed_document_without_markup_of_its_own(name: str) -> None:
    plain = ElementTree.fromstring(calibration_svg(BINS, "Ada"))  # noqa: S314
    drawing = ElementTree.fromstring(calibration_svg(BINS, name))  # noqa: S314
    assert [element.tag for element in drawing.iter()] == [element.tag for element in plain.iter()]
