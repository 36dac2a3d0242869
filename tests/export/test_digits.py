"""`out/digits`: the powers of ten to the last bit, and the shortest digits of ten million doubles
against orjson. `tools/prove-digits` has compared a thousand million with `std::to_chars`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from native import has_compiler
from sessiondata._native.out.digits import logarithms, power_of_ten
from sessiondata._native.out.text import dumps_f64_array
from worlds import SECOND, utc

PROVE = Path(__file__).resolve().parents[2] / "tools/prove-digits"
POWERS = range(-292, 325)


# --- powers of ten ---


def floor_log(base: int, value: Fraction) -> int:
    """floor(log(value)) by comparing powers of the base."""
    n = 0
    while Fraction(base) ** (n + 1) <= value:
        n += 1
    while Fraction(base) ** n > value:
        n -= 1
    return n


def test_powers_of_ten_are_their_highest_128_bits_cut_off() -> None:
    for e in POWERS:
        power = Fraction(10) ** e
        bits = power.numerator.bit_length() - power.denominator.bit_length()
        shift = 127 - (bits if Fraction(2) ** bits <= power else bits - 1)
        assert power_of_ten(e) == power * Fraction(2) ** shift // 1, e


def test_there_are_powers_for_all_doubles_and_no_more() -> None:
    assert power_of_ten(POWERS[0] - 1) is None
    assert power_of_ten(POWERS[-1] + 1) is None
    for q in (-1074, 971):  # of the least and the largest double
        for k in logarithms(q)[:2]:
            assert power_of_ten(-k) is not None


@pytest.mark.slow
def test_logarithms_of_powers_are_exact() -> None:
    for n in range(-1100, 1101):
        tenth, quarters, _ = logarithms(n)
        assert Fraction(10) ** tenth <= Fraction(2) ** n < Fraction(10) ** (tenth + 1), n
        assert Fraction(10) ** quarters <= Fraction(2) ** n * 3 / 4 < Fraction(10) ** (quarters + 1), n
    for n in range(-330, 331):
        second = logarithms(n)[2]
        assert Fraction(2) ** second <= Fraction(10) ** n < Fraction(2) ** (second + 1), n


def test_the_logarithm_that_tests_use_is_one() -> None:
    assert [floor_log(10, Fraction(x)) for x in (1, 9, 10, 99)] == [0, 0, 1, 1]
    assert [logarithms(n)[0] for n in range(-5, 12)] == [floor_log(10, Fraction(2) ** n) for n in range(-5, 12)]


# --- doubles ---


def beside(values: Any, rng: np.random.Generator) -> Any:
    """Doubles up to 32 steps beside these."""
    return (values.view(np.int64) + rng.integers(-32, 33, len(values))).view(np.float64)


def doubles(n: int, seed: int) -> Iterator[tuple[str, Any]]:
    """`n` doubles in equal parts of all kinds."""
    rng = np.random.default_rng(seed)
    n //= 10
    powers = np.array([float(f"{digit}e{e}") for e in range(-323, 308) for digit in range(1, 10)])
    prices, volumes = rng.integers(1, 10**7, (4, n)) / 100.0, rng.integers(1, 10**5, (4, n)).astype(np.float64)
    yield "random bits", rng.integers(0, 2**64, n, dtype=np.uint64).view(np.float64)
    exponents = rng.integers(1023 - 20, 1023 + 56, n, dtype=np.uint64) << np.uint64(52)
    yield "of the size of prices", (exponents | rng.integers(0, 2**52, n, dtype=np.uint64)).view(np.float64)
    yield "near powers of two", beside(np.ldexp(1.0, rng.integers(-1060, 1023, n)), rng)
    yield "near powers of ten", beside(rng.choice(powers[powers > 1e-320], n), rng)
    yield "subnormals", (rng.integers(0, 2**52, n) >> rng.integers(0, 52, n)).view(np.float64)
    yield "adjusted prices", prices[0] * rng.uniform(0.5, 1.0)
    yield "means weighted by volume", (prices * volumes).sum(0) / volumes.sum(0)
    yield "integers", (rng.integers(0, 2**63, n) >> rng.integers(0, 63, n)).astype(np.float64)
    whole = (rng.integers(0, 2**53, n) >> rng.integers(0, 53, n)).astype(np.float64)
    yield "multiples of powers of two", np.ldexp(whole, rng.integers(-60, 60, n))
    with np.errstate(invalid="ignore"):  # NaN that would signal
        yield "float32", rng.integers(0, 2**32, n, dtype=np.uint32).view(np.float32).astype(np.float64)


def check(n: int, seed: int) -> int:
    count = 0
    for kind, values in doubles(n, seed):
        signed = np.where(np.arange(len(values)) % 2, -values, values)
        assert dumps_f64_array(signed, 17) == orjson.dumps(signed.tolist()), kind
        count += len(values)
    return count


def test_digits_are_those_of_orjson() -> None:
    assert check(200_000, 1) == 200_000


@pytest.mark.slow
def test_digits_of_ten_million_doubles_are_those_of_orjson() -> None:
    assert sum(check(1_000_000, seed) for seed in range(2, 12)) == 10_000_000


def test_doubles_that_one_multiplication_does_not_decide() -> None:
    """In the middle between two shortest decimals, or where half the span ends just at one."""
    whole = np.arange(2**53 - 4_000, 2**53, dtype=np.int64).astype(np.float64)
    halves = np.concatenate([whole * 2.0**e for e in range(-60, 70)])
    exact = np.array([5e-324, 9007199254740993.0, 2.0**-44, 2.0**89, 9.5367431640625e-7, 1.5e300, 4503599627370497.5])
    for values in (halves, exact, np.ldexp(1.0, np.arange(-1074, 1024))):
        assert dumps_f64_array(values, 17) == orjson.dumps(values.tolist())


@pytest.mark.parametrize("scale", [0.98731045237, 1.0, 1e-3, 1e-6, 1e5, 1e14])
def test_rows_whose_prices_cross_powers_of_two(scale: float) -> None:
    """What doubles of one exponent have in common is kept from price to price, and row to row."""
    rng = np.random.default_rng(7)
    n = 3_000
    low, high = np.sort(np.exp(rng.normal(0, 4, (2, n))) * scale, axis=0)
    low[::7], high[::7] = 2.0, 4.0
    low[::11] = 1 - 2.0**-53
    low[::13] = 0.0
    low[1::13] *= -1
    low, high = np.minimum(low, high), np.maximum(low, high)
    data = sd.SessionData(sd.SessionCalendar.always_open(), "1s", ())
    data.start_session("2024-03-12")
    ts = utc("2024-03-12T00:00:00+00:00") + np.arange(n) * SECOND
    data.register_symbol("A").extend(ts, low, high, low, high, rng.uniform(0, 1e6, n))
    assert data.to_json() == orjson.dumps(data.to_dict())


# --- the tool ---


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="no compiler")
@pytest.mark.skipif(sys.platform == "win32", reason="the tool is for compilers with options like those of GCC")
def test_the_tool_finds_no_difference() -> None:
    run = subprocess.run([sys.executable, PROVE, "400000", "3"], capture_output=True, text=True, env=os.environ)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("\n0 differ") == 2
    assert run.stdout.count("200000 doubles") == 2
