"""Durations, memory and cores: what is read, what is refused, and that what is shown can be read again."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.model import quantities

steady = settings(derandomize=True, deadline=None, max_examples=300)

HUGE = pytest.param(10**400, id="more than a float can hold")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1h30m", 5400),
        ("90s", 90),
        ("250ms", 0.25),
        ("1d", 86_400),
        ("1d2h3m4s5ms", 86_400 + 2 * 3600 + 3 * 60 + 4 + 0.005),
        ("1.5h", 5400),
        ("0h30m", 1800),
        (90, 90),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_read_in_seconds(written: object, seconds: float) -> None:
    assert quantities.duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("8Gi", 8 * 2**30),
        ("512Mi", 512 * 2**20),
        ("64Ki", 64 * 2**10),
        ("1Ti", 2**40),
        ("1.5Gi", 3 * 2**29),
        ("2G", 2 * 10**9),
        ("3M", 3 * 10**6),
        ("1k", 1000),
        ("1K", 1000),
        ("8GiB", 8 * 2**30),
        ("100", 100),
        (4096, 4096),
    ],
)
def test_memory_is_read_in_bytes(written: object, size: int) -> None:
    assert quantities.memory(written) == size


@pytest.mark.parametrize(
    ("written", "cores"), [(4, 4), (0.5, 0.5), ("500m", 0.5), ("4", 4), ("1.5", 1.5), ("1m", 0.001)]
)
def test_cores_are_read_as_a_number(written: object, cores: float) -> None:
    assert quantities.cpu(written) == cores


# No number, or one with what no quantity has.
NOTHING_LIKE_IT: list[object] = [
    "",
    " ",
    "x",
    None,
    True,
    False,
    [],
    {},
    "1 h",
    "1h ",
    " 1h",
    "1h\n",
    "1_0s",
    "--1s",
    "+1s",
]
NOTHING_LIKE_IT += [pytest.param("9" * 5000, id="5000 digits")]


@pytest.mark.parametrize(
    "written",
    [
        *NOTHING_LIKE_IT,
        "1h30",
        "90",
        "-5s",
        "-1h",
        "1h-30m",
        "0s",
        "0h0m",
        "h",
        "1H",
        "1e3s",
        "1.h",
        ".5h",
        "1,5h",
        0,
        -1,
        math.inf,
        -math.inf,
        math.nan,
        HUGE,
    ],
)
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        quantities.duration(written)


@pytest.mark.parametrize(
    "written",
    [*NOTHING_LIKE_IT, "8 Gi", "8gi", "8Gib", "Gi", "-1", "-8Gi", "0", "0Gi", "0.5", "1e3", 0, -5, 1.5, math.inf],
)
def test_what_is_no_amount_of_memory_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="memory"):
        quantities.memory(written)


@pytest.mark.parametrize(
    "written", [*NOTHING_LIKE_IT, "4 cores", "m", "0", "0m", "-1", "-500m", "1e3", 0, -1, math.inf, math.nan, HUGE]
)
def test_what_is_no_number_of_cores_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="cores"):
        quantities.cpu(written)


@pytest.mark.parametrize("read", [quantities.duration, quantities.memory, quantities.cpu])
def test_a_refusal_does_not_repeat_a_page_of_digits(read: Callable[[object], float]) -> None:
    with pytest.raises(ValueError, match="is not") as caught:
        read("9" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "1m30s"), (5400, "1h30m"), (0.25, "250ms"), (86_400, "1d"), (3600, "1h"), (59, "59s")]
)
def test_a_duration_is_shown_as_people_write_it(seconds: float, text: str) -> None:
    assert quantities.show_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(8 * 2**30, "8Gi"), (3 * 2**29, "1.5Gi"), (512 * 2**20, "512Mi"), (1000, "1000"), (2**40, "1Ti")]
)
def test_memory_is_shown_with_the_largest_unit_that_fits(size: int, text: str) -> None:
    assert quantities.show_memory(size) == text


@pytest.mark.parametrize(("cores", "text"), [(4.0, "4"), (0.5, "0.5"), (16, "16")])
def test_cores_are_shown_as_a_plain_number(cores: float, text: str) -> None:
    assert quantities.show_cpu(cores) == text


@steady
@given(st.integers(1, 10 * 365 * 86_400))
def test_whole_seconds_survive_being_shown(seconds: int) -> None:
    assert quantities.duration(quantities.show_duration(seconds)) == seconds


@steady
@given(st.integers(1, 999))
def test_milliseconds_survive_being_shown(milliseconds: int) -> None:
    assert quantities.duration(quantities.show_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize("seconds", [1.5, 2.25, 90.5, 59.75])
def test_parts_of_a_second_are_not_rounded_away(seconds: float) -> None:
    assert quantities.duration(quantities.show_duration(seconds)) == pytest.approx(seconds)


@steady
@given(st.integers(1, 1023), st.sampled_from([1, 2**10, 2**20, 2**30, 2**40]))
def test_memory_in_whole_units_survives_being_shown(count: int, unit: int) -> None:
    assert quantities.memory(quantities.show_memory(count * unit)) == count * unit


@steady
@given(st.integers(1, 2**50))
def test_any_memory_is_shown_within_one_in_a_hundred(size: int) -> None:
    assert abs(quantities.memory(quantities.show_memory(size)) - size) <= size / 100


@steady
@given(st.integers(1, 64_000))
def test_thousandths_of_cores_survive_being_shown(thousandths: int) -> None:
    assert quantities.cpu(quantities.show_cpu(thousandths / 1000)) == pytest.approx(thousandths / 1000)


@steady
@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    total = days * 86_400 + hours * 3600 + minutes * 60 + seconds
    text = f"{days}d{hours}h{minutes}m{seconds}s"
    if total:
        assert quantities.duration(text) == total
    else:
        with pytest.raises(ValueError, match="more than nothing"):
            quantities.duration(text)


@steady
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    for read in (quantities.duration, quantities.memory, quantities.cpu):
        try:
            value = read(text)
        except ValueError:
            continue
        assert value > 0
        assert math.isfinite(value)
