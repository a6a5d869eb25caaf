"""A CSV of decisions: what is inferred of it, and what is said of one that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.decisions.evaluate import evaluate
from remit.decisions.features import fit_features
from remit.decisions.logged import Layout, inferred, read_logged
from remit.errors import UserError

GOOD = "age,town,action,propensity,reward\n31,Rome,a,0.5,1\n,Bern,b,0.5,0\n44,,a,0.5,1\n"


def put(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text)
    return path


def test_types_are_inferred_and_what_is_missing_is_counted(tmp_path: Path) -> None:
    logged = read_logged(put(tmp_path, GOOD))
    said = [(one.name, one.kind, one.missing) for one in logged.columns]
    assert said == [("age", "number", 1), ("town", "category", 1)]
    assert (logged.actions, logged.taken.tolist(), logged.known) == (("a", "b"), [0, 1, 0], True)


def test_costs_are_taken_off_the_reward_and_worth_scales_it(tmp_path: Path) -> None:
    logged = read_logged(put(tmp_path, GOOD), Layout(costs={"a": 0.25}, worth=10))
    assert logged.value.tolist() == [9.75, 0, 9.75]


def test_without_propensities_frequencies_stand_in(tmp_path: Path) -> None:
    text = "age,action,reward\n1,a,1\n2,a,0\n3,b,0\n4,a,2.5\n"
    logged = read_logged(put(tmp_path, text))
    assert not logged.known
    assert logged.propensity.tolist() == [0.75, 0.75, 0.25, 0.75]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("31,Rome,a,0.5,lots", "line 3: reward is 'lots', which is no number"),
        ("31,Rome,a,1.5,1", "line 3: propensity is '1.5'; a probability is above 0 and at most 1"),
        ("31,Rome,a,0,1", "line 3: propensity is '0'"),
        ("31,Rome,,0.5,1", "line 3: no action in 'action'"),
        ("31,Rome,a,0.5", "line 3: 4 values, but the header has 5 columns"),
        ("31,Rome,a,0.5,nan", "line 3: reward is 'nan'"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_with_its_line_and_may_be_left_out(
    tmp_path: Path, row: str, said: str
) -> None:
    header, first, *rest = GOOD.splitlines()
    path = put(tmp_path, "\n".join([header, first, row, *rest]))
    with pytest.raises(UserError) as caught:
        read_logged(path)
    assert said in str(caught.value)
    assert "--skip-bad" in str(caught.value)
    left = read_logged(path, Layout(skip_bad=True))
    assert len(left) == 3
    assert "1 row left out, the first in line 3" in left.notes[0]


@pytest.mark.parametrize(
    ("text", "layout", "said"),
    [
        ("", Layout(), "Name it by --action"),
        (GOOD, Layout(action="acton"), "Did you mean 'action'"),
        (GOOD, Layout(ignore=("twon",)), "Did you mean 'town'"),
        (GOOD, Layout(propensity="p"), "unknown column 'p'"),
        (GOOD, Layout(costs={"c": 1.0}), "unknown action 'c'"),
        ("action,reward\n", Layout(), "no row to go by"),
        ("action,reward,reward\na,1,1\n", Layout(), "'reward' is there twice"),
        ('action,reward\n"a,1\n', Layout(), "cannot be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_of(tmp_path: Path, text: str, layout: Layout, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read_logged(put(tmp_path, text), layout)
    assert said in str(caught.value)


def test_a_column_that_names_rows_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    rows = "".join(f"c{number},a,1\n" for number in range(40))
    logged = read_logged(put(tmp_path, "id,action,reward\n" + rows))
    assert logged.columns == ()
    assert "column id left out: 40 different words" in logged.notes[0]


CELLS = st.lists(
    st.sampled_from(["", "1", "2.5", "-3", "NA", "x", "y", "1e9", "inf"]), min_size=1, max_size=30
)


@given(CELLS, CELLS)
@settings(max_examples=150, deadline=None)
def test_any_cells_become_finite_features_and_new_words_do_too(cells: list[str], later: list[str]) -> None:
    column, why = inferred("it", cells)
    assert (column is None) == bool(why)
    if column is None:
        return
    features = fit_features([column])
    known = features.of([column], len(cells))
    assert known.shape == (len(cells), len(features))
    assert np.isfinite(known).all()
    after, _ = inferred("it", later, category=bool(column.levels))
    if after is not None and after.kind == column.kind:
        assert np.isfinite(features.of([after], len(later))).all()


def test_a_date_is_a_number_of_days_and_one_that_is_none_a_word(tmp_path: Path) -> None:
    days = [f"2026-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(60)]
    column, why = inferred("since", [*days, ""])
    assert column is not None
    assert (column.kind, column.missing, why) == ("number", 1, "")
    assert column.values[1] - column.values[0] == 32
    mixed, _ = inferred("since", [*days, "never"])
    assert mixed is None or mixed.kind == "category"


def test_what_is_too_large_to_be_summed_is_told_by_its_line(tmp_path: Path) -> None:
    rows = ["x,action,propensity,reward", *(f"{n},a{n % 2},0.5,1" for n in range(60)), "1e308,a1,0.5,1e300"]
    file = tmp_path / "huge.csv"
    file.write_text("\n".join(rows))
    with pytest.raises(UserError, match="line 62: reward is 1e300: more than 1e\\+12"):
        read_logged(file)
    file.write_text("\n".join(rows).replace("1e300", "1"))
    assert evaluate(read_logged(file)).pays is False


def test_where_all_rewards_are_alike_nothing_is_said_to_pay_and_rare_actions_are_told_together(
    tmp_path: Path,
) -> None:
    rows = ["x,action,propensity,reward", *(f"{n % 7},a{n % 20},0.05,3" for n in range(200))]
    file = tmp_path / "alike.csv"
    file.write_text("\n".join(rows))
    report = evaluate(read_logged(file))
    assert report.verdict.startswith("Choosing by person does not pay here: what was learned")
    assert any(
        one.startswith("20 actions were taken fewer than 30 times each (a0, ") for one in report.warnings
    )
