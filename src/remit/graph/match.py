"""Which records are of one person, where no identifier says so: probabilistic record linkage, in batches.

The model is Fellegi and Sunter's (1969): for each thing that two records say, how much oftener it agrees so far among records of one
person (m) than among any two (u). Nobody labels anything: u is counted on random pairs, m and the share of pairs that
match are found by expectation maximisation. splink does all of it, in DuckDB within this process.

Pairs at STRONG and above make one person; from DOUBTFUL on a person is asked; below, they are two.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from remit.errors import UserError
from remit.graph.identity import STRONG as STRONG
from remit.graph.records import Record

if TYPE_CHECKING:
    from splink import Linker

DOUBTFUL: Final = 0.5
FEWEST = 200  # records from which a model can be learned
PAIRS = 1_000_000  # random ones, on which u is counted
SEED = 1
EXTRA = "Matching records needs splink: pip install 'remit[identity]'"

NAMES: Final = "names"
NAMED: Final = ("given_name", "surname")
EXACT: Final = ""
# For each comparison its levels, best first: what it is called in words, and when it holds, in DuckDB's SQL.
LEVELS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    NAMES: (
        ("same name, in either order", EXACT),
        ("same letters in another order", "letters_l = letters_r"),
        ("names much alike", "jaro_winkler_similarity(names_l, names_r) >= 0.92"),
        ("names a letter or two apart", "levenshtein(letters_l, letters_r) <= 2"),
        (
            "one name in common",
            "given_name_l = given_name_r or surname_l = surname_r"
            " or given_name_l = surname_r or surname_l = given_name_r",
        ),
    ),
    "born": (
        ("same birthday", EXACT),
        ("birthday a digit apart", "damerau_levenshtein(born_l, born_r) <= 1"),
        ("born within a month", "abs(date_diff('day', born_l::date, born_r::date)) <= 31"),
        ("born within a year", "abs(date_diff('day', born_l::date, born_r::date)) <= 366"),
    ),
    "email": (
        ("same address", EXACT),
        ("addresses a letter or two apart", "damerau_levenshtein(email_l, email_r) <= 2"),
        ("addresses much alike", "jaro_winkler_similarity(email_l, email_r) >= 0.88"),
    ),
    "phone": (
        ("same phone", "right(phone_l, 9) = right(phone_r, 9)"),
        ("phones a digit apart", "damerau_levenshtein(phone_l, phone_r) <= 1"),
    ),
    "national_id": (
        ("same national number", EXACT),
        ("national numbers a digit apart", "damerau_levenshtein(national_id_l, national_id_r) <= 1"),
    ),
    "house": (("same house", EXACT),),
    "street": (
        ("same street", EXACT),
        ("streets a letter or two apart", "damerau_levenshtein(street_l, street_r) <= 2"),
    ),
    "city": (
        ("same city", EXACT),
        ("cities a letter or two apart", "damerau_levenshtein(city_l, city_r) <= 2"),
    ),
    "postcode": (
        ("same postcode", EXACT),
        ("postcodes a digit apart", "damerau_levenshtein(postcode_l, postcode_r) <= 1"),
    ),
}
CALLED: Final = {  # what differs, in words
    "born": "birthdays",
    "email": "addresses",
    "phone": "phones",
    "national_id": "national numbers",
    "house": "houses",
    "street": "streets",
    "city": "cities",
    "postcode": "postcodes",
}
COMMON: Final = (NAMES, "street", "city", "postcode")  # a rare value says more than one that many have
# What two records must share to be compared at all: all pairs of a million would be 10¹².
TOGETHER: Final = (
    ("email",),
    ("phone",),
    ("national_id",),
    ("born",),
    ("letters",),
    ("street",),
    ("a_name", "city"),
    ("z_name", "city"),
    ("a_name", "postcode"),
    ("z_name", "postcode"),
    ("a_name", "year"),
    ("z_name", "year"),
)
CERTAIN: Final = (("national_id",), ("email",), ("phone",), (*NAMED, "born"))  # nearly always one person
RECALL = 0.7  # the share of matches that CERTAIN finds, roughly: where to begin from
LEARN_FROM: Final = (("born",), NAMED, ("email",), ("phone",), ("postcode",), ("national_id",))


@dataclass(frozen=True)
class Reason:
    """What two records have or have not in common, and how much it says: bits, log2 of how much likelier it is that they are one."""

    words: str
    bits: float


@dataclass(frozen=True)
class Pair:
    """Two records that may be of one person."""

    left: str
    right: str
    probability: float  # that they are, 0 to 1
    reasons: tuple[Reason, ...]  # what says most first


def match(records: Sequence[Record], least: float = DOUBTFUL) -> list[Pair]:
    """Pairs that are of one person with a probability of at least `least`, likeliest first. Records of different sources are compared
    with each other only; where all have one source, they are compared among themselves.

    Raises UserError where there are too few records, or too little is said of each, to learn from.
    """
    logging.getLogger("splink").setLevel(logging.ERROR)  # it says much of how the learning goes
    rows = [_row(one) for one in records]
    compared = _compared(rows)
    linker = _linker(rows, compared)
    _learn(linker, rows, compared)
    predicted = linker.inference.predict(threshold_match_probability=least).as_record_list()
    found = [
        Pair(one["id_l"], one["id_r"], one["match_probability"], _reasons(one, compared)) for one in predicted
    ]
    return sorted(found, key=lambda pair: (-pair.probability, pair.left, pair.right))


def _row(one: Record) -> dict[str, str | None]:
    """A record as splink takes it: every role; both names together, in the alphabet's order, which is the same where they
    were swapped, and each of them; the year of birth."""
    row: dict[str, str | None] = {role: one.values.get(role) for role in (*NAMED, *LEVELS) if role != NAMES}
    names = sorted(one.values[role] for role in NAMED if role in one.values)
    return row | {
        "id": one.id,
        "source": one.source,
        NAMES: " ".join(names) if len(names) == len(NAMED) else None,
        "letters": "".join(sorted("".join(names))) or None,
        "a_name": names[0] if names else None,
        "z_name": names[-1] if names else None,
        "year": one.values.get("born", "")[:4] or None,
    }


def _compared(rows: Sequence[Mapping[str, str | None]]) -> tuple[str, ...]:
    """The comparisons that have something to compare."""
    if len(rows) < FEWEST:
        raise UserError(
            f"{len(rows)} records are too few to learn from what those of one person have in common; it takes {FEWEST}."
        )
    said = tuple(name for name in LEVELS if len({row[name] for row in rows if row[name]}) > 1)
    if len(said) < 3:
        raise UserError(
            f"The records say too little of whom they are: {', '.join(said) or 'nothing'}. "
            "It takes three of: names, " + ", ".join(name for name in LEVELS if name != NAMES) + "."
        )
    return said


def _linker(rows: list[dict[str, str | None]], compared: Sequence[str]) -> Linker:
    try:
        from splink import DuckDBAPI, Linker, SettingsCreator
    except ImportError as missing:
        raise UserError(EXTRA) from missing
    sources = sorted({row["source"] or "" for row in rows})
    settings = SettingsCreator(
        unique_id_column_name="id",
        link_type="dedupe_only" if len(sources) == 1 else "link_only",
        blocking_rules_to_generate_predictions=[_shared(rule) for rule in _said(TOGETHER, rows)],
        comparisons=[_comparison(name) for name in compared],
        retain_intermediate_calculation_columns=True,
    )
    database = DuckDBAPI()
    tables = [
        database.register(
            [row for row in rows if row["source"] == source], dataset_display_name=f"source_{n}"
        )
        for n, source in enumerate(sources)
    ]
    return Linker(tables, settings, log_level=None)


def _comparison(name: str) -> Any:
    """What splink makes of LEVELS: unknown where one of them does not say it, then the levels, then nothing alike."""
    import splink.comparison_level_library as levels
    from splink.comparison_library import CustomComparison

    graded = [
        levels.CustomLevel(sql)
        if sql
        else levels.ExactMatchLevel(name, term_frequency_adjustments=name in COMMON)
        for _, sql in LEVELS[name]
    ]
    unknown = levels.NullLevel("letters" if name == NAMES else name)
    return CustomComparison([unknown, *graded, levels.ElseLevel()], output_column_name=name)


def _learn(linker: Linker, rows: Sequence[Mapping[str, str | None]], compared: Sequence[str]) -> None:
    """Count u, find m: each comparison in the sessions that do not begin from it."""
    certain = [_shared(rule) for rule in _said(CERTAIN, rows)]
    linker.training.estimate_probability_two_random_records_match(certain, recall=RECALL)
    linker.training.estimate_u_using_random_sampling(max_pairs=PAIRS, seed=SEED)
    for rule in _said(LEARN_FROM, rows):
        linker.training.estimate_parameters_using_expectation_maximisation(
            _shared(rule), estimate_without_term_frequencies=True
        )


def _said(
    rules: Sequence[tuple[str, ...]], rows: Sequence[Mapping[str, str | None]]
) -> Iterator[tuple[str, ...]]:
    """The rules whose columns are said often enough that some two records may share them."""
    for rule in rules:
        values = [key for row in rows if all(key := tuple(row[column] for column in rule))]
        if len(values) > len(set(values)):
            yield rule


def _shared(columns: Sequence[str]) -> Any:
    from splink import block_on

    return block_on(*columns)


def _reasons(predicted: Mapping[str, Any], compared: Sequence[str]) -> tuple[Reason, ...]:
    """A prediction's levels in words, with their weight (and that of the value being rare) in bits."""
    found = []
    for name in compared:
        level = predicted[f"gamma_{name}"]  # -1: not said by both; 0: nothing alike; more is better
        if level < 0:
            continue
        words = LEVELS[name][-level][0] if level else f"different {CALLED.get(name, name)}"
        bits = predicted[f"mw_{name}"] + predicted.get(f"mw_tf_adj_{name}", 0.0)
        found.append(Reason(words, round(bits, 1)))
    return tuple(sorted(found, key=lambda reason: -abs(reason.bits)))
