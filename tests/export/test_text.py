"""`out/text` against orjson where orjson has an answer, against datetime where it has none."""

import datetime as dt
import math
import random
import struct
import sys

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiondata._native.out.text import (
    dumps_f64_array,
    dumps_i64,
    dumps_scaled,
    dumps_str,
    dumps_u64,
    dumps_volume_array,
    format_date,
    format_iso,
    format_time_of_day,
)

HINTS = (2, 6, 9, 17)
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


# ---- floats


def check_floats(values, hints=HINTS):
    """Both signs and every hint give orjson's text."""
    values = np.ascontiguousarray(values, dtype=np.float64).ravel()
    for array in (values, -values):
        expected = orjson.dumps(array.tolist())
        for hint in hints:
            got = dumps_f64_array(array, hint)
            if got != expected:
                pairs = zip(array.tolist(), got[1:-1].split(b","), expected[1:-1].split(b","), strict=True)
                pytest.fail(f"hint {hint}: {[p for p in pairs if p[1] != p[2]][:5]}")


def neighbours(values, reach=3):
    """The values and the doubles up to `reach` steps beside them."""
    values = np.asarray(values, dtype=np.float64)
    below = above = values
    rows = [values]
    for _ in range(reach):
        below, above = np.nextafter(below, -np.inf), np.nextafter(above, np.inf)
        rows += [below, above]
    return np.concatenate(rows)


def test_floats_of_random_bits():
    bits = np.random.default_rng(1).integers(0, 2**64, 100_000, dtype=np.uint64)
    check_floats(bits.view(np.float64))


def test_floats_of_random_bits_within_the_reach_of_decimals():
    rng = np.random.default_rng(2)
    exponent = rng.integers(1023 - 40, 1023 + 60, 100_000, dtype=np.uint64) << np.uint64(52)
    check_floats((exponent | rng.integers(0, 2**52, 100_000, dtype=np.uint64)).view(np.float64))


def test_every_power_of_two_and_its_neighbours():
    check_floats(neighbours(np.ldexp(1.0, np.arange(-1074, 1024))))


def test_every_power_of_ten_and_its_neighbours():
    powers = [float(f"{digit}e{exponent}") for exponent in range(-323, 309) for digit in (1, 2, 5, 9)]
    check_floats(neighbours([p for p in powers if p < 1e308]))


@pytest.mark.parametrize("decimals", range(13))
def test_grids_of_decimals(decimals):
    rng = np.random.default_rng(decimals)
    top = 10 ** rng.integers(1, 16, 20_000)
    m = rng.integers(0, top)
    check_floats(m / 10.0**decimals)
    check_floats(neighbours(m[:2_000] / 10.0**decimals, 1))


@pytest.mark.parametrize("decimals", range(10))
def test_grids_near_fifteen_digits(decimals):
    """Where m reaches 10^15 the proof ends, and the short way must have ended too."""
    steps = np.arange(-2_000, 2_000, dtype=np.int64)
    m = np.concatenate([10**e + steps for e in (13, 14, 15, 16)] + [2**53 + steps])
    check_floats(m / 10.0**decimals)


def test_all_small_prices():
    check_floats(np.arange(300_000) / 100.0, hints=(2,))
    check_floats(np.arange(20_000) / 100.0)
    check_floats(np.arange(100_000) / 1e4, hints=(6,))


def test_sums_and_products_that_miss_their_decimal():
    """0.1 + 0.2 has 17 digits: close to two decimals is not two decimals."""
    grid = np.arange(1, 20_000) / 100.0
    check_floats(np.concatenate([grid * 1.1, grid + 0.1 + 0.2, grid * 3.0, np.cumsum(grid), neighbours(grid, 2)]))


def test_thresholds_of_the_layout():
    tiny = [float(f"{digits}e{e}") for e in range(-12, -2) for digits in ("1", "9", "9.99999", "1.5", "1.234567")]
    large = [float(f"{digits}e{e}") for e in range(12, 24) for digits in ("1", "9", "9.99999", "1.234567")]
    check_floats(neighbours([*tiny, *large, 2.0**53, 1e7, 1e9, 1e13, 1e6, 1e15, 1e16, 9999999.99, 99999.995], 20))


def test_floats_known_by_heart():
    known = {
        0.0: b"0.0", 13.0: b"13.0", 13.5: b"13.5", 13.47: b"13.47", 1e16: b"1e+16", 1e15: b"1000000000000000.0",
        1e-5: b"0.00001", 1e-6: b"1e-6", 5e-324: b"5e-324", sys.float_info.max: b"1.7976931348623157e+308",
        float("nan"): b"null", float("inf"): b"null", -float("inf"): b"null",
    }  # fmt: skip
    for x, text in known.items():
        for hint in HINTS:
            assert dumps_f64_array(np.array([x]), hint) == b"[" + text + b"]"
    # 0.0 and -0.0 are one key of a dict
    assert dumps_f64_array(np.array([0.0, -0.0])) == b"[0.0,-0.0]"


def test_subnormals():
    bits = np.random.default_rng(3).integers(1, 2**52, 20_000, dtype=np.uint64)
    check_floats(np.concatenate([bits.view(np.float64), np.arange(1, 2_000, dtype=np.uint64).view(np.float64)]))


def test_integral_floats():
    rng = np.random.default_rng(4)
    check_floats(np.floor(10.0 ** rng.uniform(0, 22, 50_000)))
    check_floats(np.arange(2**53 - 2_000, 2**53 + 2_000, dtype=np.int64).astype(np.float64))
    check_floats(np.arange(11_000).astype(np.float64))


def test_a_hint_of_another_value_never_shows():
    """The hint is carried from value to value: any order of short, long and impossible ones."""
    rng = np.random.default_rng(5)
    kinds = [1.5, 0.12345, 1e-9, 0.123456789, 1234567.25, 98765432.125, 1e10 + 0.25]
    kinds += [1 / 3, np.nan, 0.0, -2.07, 1e300, 7.0]
    check_floats(rng.choice(kinds, 50_000))


@given(st.lists(st.floats(), max_size=20), st.sampled_from(HINTS))
def test_any_floats(values, hint):
    assert dumps_f64_array(np.array(values, dtype=np.float64), hint) == orjson.dumps(values)


@given(st.integers(-(10**16), 10**16), st.integers(0, 22), st.sampled_from(HINTS))
def test_any_decimals(m, decimals, hint):
    x = m / 10**decimals
    assert dumps_f64_array(np.array([x]), hint) == orjson.dumps([x])


# ---- blocks of a column


def takes(values, decimals):
    """Which values a block may hold, by the definition: m / 10^decimals for a whole 0 <= m < 2^30,
    and no -0.0."""
    scale = 10.0**decimals
    with np.errstate(invalid="ignore", over="ignore"):
        m = np.rint(values * scale)
        return (m / scale == values) & (m >= 0) & (m < 2**30) & ~np.signbit(values)


def check_blocks(values):
    """What may be in a block is written as orjson writes it; anything else is refused wherever it
    stands."""
    values = np.ascontiguousarray(values, dtype=np.float64).ravel()
    rng = np.random.default_rng(12)
    for decimals in (0, 2, 5):
        good = values[takes(values, decimals)]
        twin = good.tolist() if decimals else [int(x) for x in good.tolist()]
        assert dumps_scaled(good, decimals) == orjson.dumps(twin)
        for x in values[~takes(values, decimals)].tolist():
            block = np.ones(int(rng.integers(1, 70)))
            block[rng.integers(0, len(block))] = x
            assert dumps_scaled(block, decimals) is None, x


@pytest.mark.slow
def test_blocks_of_millions_of_short_decimals():
    rng = np.random.default_rng(13)
    for top in (10**3, 10**5, 10**7, 2**30):
        cents = rng.integers(0, top, 1_000_000) / 100.0
        assert takes(cents, 2).all()
        assert dumps_scaled(cents, 2) == orjson.dumps(cents.tolist())
        fine = rng.integers(0, top, 1_000_000) / 1e5
        assert takes(fine, 5).all()
        assert dumps_scaled(fine, 5) == orjson.dumps(fine.tolist())
        whole = rng.integers(0, top, 300_000).astype(np.float64)
        assert dumps_scaled(whole, 0) == orjson.dumps(whole.astype(np.int64).tolist())
    for decimals in (2, 5):
        small = np.arange(3_000_000) / 10.0**decimals
        assert dumps_scaled(small, decimals) == orjson.dumps(small.tolist())


def test_blocks_refuse_what_is_no_short_decimal():
    rng = np.random.default_rng(14)
    check_blocks(neighbours(rng.integers(0, 2**30, 300) / 100.0, 2))
    check_blocks(rng.integers(0, 2**64, 3_000, dtype=np.uint64).view(np.float64))
    check_blocks(rng.integers(-(10**7), 10**7, 2_000) / 10.0 ** rng.integers(0, 8, 2_000))
    check_blocks(neighbours(np.ldexp(1.0, np.arange(-1074, 1024))))
    check_blocks((2**30 + np.arange(-200, 200)) / 100.0)
    check_blocks((2**30 + np.arange(-200, 200)) / 1e5)
    check_blocks(neighbours(rng.integers(0, 2**30, 300) / 1e5, 2))
    check_blocks(2.0**30 + np.arange(-50, 50))
    check_blocks(np.concatenate([10.0**e + np.arange(-3, 4) / 100 for e in range(23)]))
    check_blocks([0.0, -0.0, 0.005, 0.004, -0.01, np.nan, -np.nan, np.inf, -np.inf, 5e-324, 1e308, -1e308, 2.0**51])


@given(
    st.lists(
        st.floats() | st.integers(0, 2**30).map(lambda m: m / 100) | st.integers(0, 2**30).map(lambda m: m / 1e5),
        max_size=70,
    )
)
def test_any_block(values):
    array = np.array(values, dtype=np.float64)
    for decimals in (0, 2, 5):
        twin = values if decimals else [int(x) if math.isfinite(x) else x for x in values]
        assert dumps_scaled(array, decimals) == (orjson.dumps(twin) if takes(array, decimals).all() else None)


# ---- volumes and integers


def volume_twin(x):
    return int(x) if x == x and abs(x) <= 2**53 and x == int(x) else x


def check_volumes(values):
    values = np.asarray(values, dtype=np.float64)
    expected = orjson.dumps([volume_twin(x) for x in values.tolist()])
    for hint in HINTS:
        assert dumps_volume_array(values, hint) == expected


def test_volumes():
    rng = np.random.default_rng(6)
    whole = np.floor(10.0 ** rng.uniform(0, 18, 50_000))
    check_volumes(np.concatenate([whole, -whole, np.arange(12_000), rng.uniform(0, 100, 5_000)]))
    check_volumes(neighbours([2.0**53, -(2.0**53), 1e9, 1e6, 1e3, 1e12, 1e15, 1e18, 0.0], 50))
    check_volumes([np.nan, np.inf, -np.inf, 0.0, 0.001, 12.5, 1e300])
    assert dumps_volume_array(np.array([0.0, -0.0])) == b"[0,0]"


@given(st.lists(st.floats(), max_size=20))
def test_any_volumes(values):
    check_volumes(values)


def test_integers_of_every_length():
    edges = {10**e + d for e in range(20) for d in range(-2, 3)} | {2**e + d for e in range(65) for d in range(-2, 3)}
    edges |= {int(random.Random(7).random() * 10 ** (i % 20)) for i in range(2_000)}
    for x in edges:
        if 0 <= x < 2**64:
            assert dumps_u64(x) == b"%d" % x
        for y in (x, -x):
            if -(2**63) <= y < 2**63:
                assert dumps_i64(y) == b"%d" % y


# ---- strings


def test_every_character():
    scalars = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    for start in range(7):  # at every place of an eight-byte word
        text = "x" * start + "".join(scalars[: len(scalars) if start == 0 else 0x3000])
        assert dumps_str(text) == orjson.dumps(text)


def test_escapes_at_every_place_of_a_word():
    for code in [*range(0x100), 0x2028, 0x2029, 0x1F600]:
        for length in range(18):
            for place in range(length + 1):
                text = "a" * place + chr(code) + "é" * (length - place)
                assert dumps_str(text) == orjson.dumps(text)


def test_control_characters_only():
    text = "".join(map(chr, range(0x20))) * 50 + '"\\/\x7f'
    assert dumps_str(text) == orjson.dumps(text)
    assert dumps_str("\x00" * 1000) == orjson.dumps("\x00" * 1000)  # the longest text there can be
    assert dumps_str("") == b'""'


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc00\ud800"])
def test_a_lone_surrogate_is_an_error(text):
    with pytest.raises(UnicodeEncodeError):
        dumps_str(text)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n\x00\x1f\x7f'), max_size=60))
def test_any_text(text):
    assert dumps_str(text) == orjson.dumps(text)


# ---- times


def fraction_twin(ns):
    if ns == 0:
        return ""
    if ns % 1_000_000 == 0:
        return f".{ns // 1_000_000:03d}"
    return f".{ns // 1000:06d}" if ns % 1000 == 0 else f".{ns:09d}"


def iso_twin(ts_ns, offset_ns):
    """datetime does the calendar; it has no nanoseconds, so those are set in."""
    seconds, ns = divmod(ts_ns, SECOND)
    zone = dt.timezone(dt.timedelta(seconds=offset_ns // SECOND))
    text = (EPOCH + dt.timedelta(seconds=seconds)).astimezone(zone).isoformat()
    return text[:19] + fraction_twin(ns) + text[19:]


OFFSETS = (0, -4, -5, 14, -12, 5.5, -3.5, 5.75)  # hours
# seconds: local mean times before 1900, and the limits
ODD_OFFSETS = (-17_762, 561, -75, 1, -1, 86_399, -86_399, 34_539)


def test_iso_known_by_heart():
    assert format_iso(1_381_159_320 * SECOND, -4 * 3600 * SECOND) == "2013-10-07T11:22:00-04:00"
    assert format_iso(0, 0) == "1970-01-01T00:00:00+00:00"
    assert format_iso(-1, 0) == "1969-12-31T23:59:59.999999999+00:00"
    assert format_iso(-SECOND, 1 * SECOND) == "1970-01-01T00:00:00+00:00:01"
    assert format_iso(1_500_000, -75 * SECOND) == "1969-12-31T23:58:45.001500-00:01:15"
    assert format_iso(500_000_000, 0) == "1970-01-01T00:00:00.500+00:00"


def test_iso_of_random_times():
    rng = random.Random(8)
    offsets = [int(h * 3600) * SECOND for h in OFFSETS] + [s * SECOND for s in ODD_OFFSETS]
    for unit in (1, 1000, 1_000_000, SECOND, 60 * SECOND, DAY):
        for _ in range(5_000):
            ts_ns = rng.randrange(-(2**63), 2**63) // unit * unit
            ts_ns = max(ts_ns, -(2**63))
            offset = rng.choice(offsets)
            assert format_iso(ts_ns, offset) == iso_twin(ts_ns, offset)


def test_iso_at_the_limits_of_int64():
    """ts + offset does not fit in an int64 here."""
    for ts_ns in (-(2**63), -(2**63) + 1, 2**63 - 1, 2**63 - 2):
        for seconds in ODD_OFFSETS:
            assert format_iso(ts_ns, seconds * SECOND) == iso_twin(ts_ns, seconds * SECOND)


@settings(max_examples=300)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(-86_399, 86_399))
def test_any_iso(ts_ns, offset_s):
    assert format_iso(ts_ns, offset_s * SECOND) == iso_twin(ts_ns, offset_s * SECOND)


def test_every_date_of_the_int64_range():
    first = dt.date(1677, 9, 1).toordinal()
    epoch = dt.date(1970, 1, 1).toordinal()
    for ordinal in range(first, dt.date(2262, 5, 1).toordinal()):
        assert format_date(ordinal - epoch) == dt.date.fromordinal(ordinal).isoformat()


def test_dates_at_the_turns_of_all_years():
    epoch = dt.date(1970, 1, 1).toordinal()
    for year in range(1, 10_000):
        for month, day in ((1, 1), (2, 28), (3, 1), (12, 31)):
            date = dt.date(year, month, day)
            assert format_date(date.toordinal() - epoch) == date.isoformat()


def test_every_second_of_the_day():
    for seconds in range(86_400):
        expected = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        assert format_time_of_day(seconds * SECOND) == expected


def test_fractions_have_three_six_or_nine_digits():
    rng = random.Random(9)
    for unit in (1, 1000, 1_000_000):
        for _ in range(3_000):
            ns = rng.randrange(DAY) // unit * unit
            whole = format_time_of_day(ns // SECOND * SECOND)
            assert format_time_of_day(ns) == whole + fraction_twin(ns % SECOND)
    assert format_time_of_day(DAY - 1) == "23:59:59.999999999"
    assert format_time_of_day(1) == "00:00:00.000000001"
    assert format_time_of_day(1_000_000) == "00:00:00.001"


def test_bits_of_known_doubles_survive_the_way_back():
    """Round trip without orjson: what is written reads back as the same bits."""
    values = np.random.default_rng(10).integers(0, 2**63, 20_000, dtype=np.uint64).view(np.float64)
    values = np.concatenate([values[np.isfinite(values)], np.arange(10_000) / 100.0])
    for x, text in zip(values.tolist(), dumps_f64_array(values)[1:-1].split(b","), strict=True):
        assert struct.pack("<d", float(text)) == struct.pack("<d", x)
