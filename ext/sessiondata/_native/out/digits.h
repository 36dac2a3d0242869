/* The shortest decimal that reads back as a double, as text.

       x = c * 2^q  ->  V * 10^k, V of 16 or 17 digits  ->  two words of eight digits  ->  a point

   Method: Raffaello Giulietti, "The Schubfach way to render doubles" (2020), sections 4 to 9: with
   10^k <= 2^q < 10^(k + 1) the numbers that round to x span less than 10^(k + 1). So at most one
   multiple of 10^(k + 1) is among them, which then is the shortest, and at least one multiple of
   10^k, of which the nearest is taken. Its successors showed that most doubles get by with one
   multiplication in place of three; how it is done here is our own: `sd_write_of_binade` has
   x / 10^k with 64 bits of fraction, and compares it with half the span. What is cut off moves
   either by less than two units of the last place; where a comparison lies within that,
   `sd_shortest_exact` decides, which is Schubfach as it was published. It also takes powers of two,
   whose span is no longer even, and subnormals.

   Prices of a row mostly have one exponent, so what depends on that alone is kept from one to the
   next (`sd_binade`).

   Powers of ten are 128 bits each, cut off below, and found by exact arithmetic when the module is
   loaded (40 us): 10^e by multiplying, 10^-e by dividing 2^1215 by ten again and again, which cuts
   off what one division by 10^e would.

   Nothing here allocates, and the text is orjson's: plain from 1e-5 to below 1e16, d.ddde+XX
   outside of it.

   Rejected: a table of constants in the source (nobody can read whether it is right); `std::to_chars`
   (the same digits in 30 ns instead of 9). */

#ifndef SESSIONDATA_DIGITS
#define SESSIONDATA_DIGITS

#include <cstdint>
#include <cstring>
#if defined(_MSC_VER)
#include <intrin.h>
#endif
#if !defined(SD_DIGITS_SSE2) && (defined(__x86_64__) || defined(_M_X64))
#define SD_DIGITS_SSE2 1 /* 8.8 ns a double, and without it 10 */
#endif
#if SD_DIGITS_SSE2
#include <emmintrin.h>
#endif

#if defined(__GNUC__)
#define SD_DIGITS_COLD __attribute__((noinline, cold))
#define SD_DIGITS_RARE(x) __builtin_expect(!!(x), 0)
#define SD_DIGITS_LIKELY(x) __builtin_expect(!!(x), 1)
#else
#define SD_DIGITS_COLD
#define SD_DIGITS_RARE(x) (x)
#define SD_DIGITS_LIKELY(x) (x)
#endif

struct sd_u128 {
    std::uint64_t high, low;
};

static inline sd_u128 sd_multiply(std::uint64_t a, std::uint64_t b) {
#if defined(__SIZEOF_INT128__)
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return {static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
#elif defined(_MSC_VER) && defined(_M_X64)
    sd_u128 product;
    product.low = _umul128(a, b, &product.high);
    return product;
#else
    const std::uint64_t a1 = a >> 32, a0 = a & 0xffffffffu, b1 = b >> 32, b0 = b & 0xffffffffu;
    const std::uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (middle & 0xffffffffu);
    return {a1 * b1 + (middle >> 32) + (other >> 32), other << 32 | (low & 0xffffffffu)};
#endif
}

static inline int sd_leading_zeros(std::uint64_t x) { /* of x != 0 */
#if defined(__GNUC__)
    return __builtin_clzll(x);
#else
    int n = 0;
    for (; !(x >> 63); x <<= 1) ++n;
    return n;
#endif
}

static inline unsigned sd_trailing_zeros(std::uint64_t x) { /* of x != 0 */
#if defined(__GNUC__)
    return unsigned(__builtin_ctzll(x));
#else
    return 63 - unsigned(sd_leading_zeros(x & (0 - x)));
#endif
}

/* ---- powers of ten */

enum { SD_LEAST_POWER = -292, SD_MOST_POWER = 324, SD_LIMBS = 38 };

/* floor(10^e / 2^(floor(log2(10^e)) - 127)) for each e from SD_LEAST_POWER on. */
struct sd_powers {
    sd_u128 of[SD_MOST_POWER - SD_LEAST_POWER + 1];
};

/* The highest 128 bits of a number in limbs of 32 bits, lowest first. */
static inline sd_u128 sd_highest_bits(const std::uint32_t* limbs) {
    int top = SD_LIMBS - 1;
    while (limbs[top] == 0) --top;
    std::uint64_t words[3] = {0, 0, 0}; /* six limbs from the highest one on */
    for (int i = 0; i < 6; ++i) {
        const std::uint64_t limb = i <= top ? limbs[top - i] : 0;
        words[i / 2] |= limb << (i % 2 ? 0 : 32);
    }
    const int shift = sd_leading_zeros(words[0]); /* below 32 */
    if (shift == 0) return {words[0], words[1]};
    return {words[0] << shift | words[1] >> (64 - shift), words[1] << shift | words[2] >> (64 - shift)};
}

static inline sd_powers sd_make_powers() {
    sd_powers powers;
    std::uint32_t limbs[SD_LIMBS] = {1};
    for (int e = 0; e <= SD_MOST_POWER; ++e) {
        powers.of[e - SD_LEAST_POWER] = sd_highest_bits(limbs);
        std::uint64_t carry = 0;
        for (int i = 0; i < SD_LIMBS; ++i) {
            carry += std::uint64_t(limbs[i]) * 10;
            limbs[i] = std::uint32_t(carry);
            carry >>= 32;
        }
    }
    /* 2^1215 / 10^292 has 246 bits: enough, and as many as a floor of the quotient needs */
    std::memset(limbs, 0, sizeof(limbs));
    limbs[SD_LIMBS - 1] = 0x80000000u;
    for (int e = -1; e >= SD_LEAST_POWER; --e) {
        std::uint64_t rest = 0;
        for (int i = SD_LIMBS - 1; i >= 0; --i) {
            rest = rest << 32 | limbs[i];
            limbs[i] = std::uint32_t(rest / 10);
            rest %= 10;
        }
        powers.of[e - SD_LEAST_POWER] = sd_highest_bits(limbs);
    }
    return powers;
}

static const sd_powers SD_POWERS = sd_make_powers();

/* floor(log10(2^q)), floor(log10(3/4 * 2^q)) and floor(log2(10^e)) for |q| <= 1100, |e| <= 330:
   the tests go through all of them. */
static inline int sd_log10_of_power_of_2(int q) { return (q * 1262611) >> 22; }
static inline int sd_log10_of_3_quarters(int q) { return (q * 1262611 - 524031) >> 22; }
static inline int sd_log2_of_power_of_10(int e) { return (e * 1741647) >> 19; }

/* ---- digits */

/* floor(g * cp / 2^127) with its last bit set if that was not exact. The low 64 bits of the product
   are not looked at: they are not zero where it is exact, as g has been rounded up. */
static inline std::uint64_t sd_round_to_odd(sd_u128 g, std::uint64_t cp) {
    const sd_u128 high = sd_multiply(g.high, cp), low = sd_multiply(g.low, cp);
    const std::uint64_t middle = high.low + low.high;
    const std::uint64_t top = high.high + (middle < high.low);
    return top << 1 | middle >> 63 | (middle << 1 != 0);
}

/* Schubfach as in section 9 of the paper: the shortest digits of c * 2^q, any but 0, which times
   10^`out_k` are it. */
static inline std::uint64_t sd_shortest_exact(std::uint64_t c, int q, int* out_k) {
    const bool uneven = c == std::uint64_t(1) << 52 && q > -1074; /* the double below is nearer */
    const std::uint64_t odd = c & 1, four = c << 2;
    const int k = uneven ? sd_log10_of_3_quarters(q) : sd_log10_of_power_of_2(q);
    const int h = q + sd_log2_of_power_of_10(-k) + 2;
    const sd_u128 power = SD_POWERS.of[-k - SD_LEAST_POWER];
    sd_u128 g = {power.high >> 2, (power.high << 62 | power.low >> 2) + 1}; /* 126 bits, rounded up */
    g.high += g.low == 0;
    const std::uint64_t v = sd_round_to_odd(g, four << h);
    const std::uint64_t lower = sd_round_to_odd(g, (four - (uneven ? 1 : 2)) << h) + odd;
    const std::uint64_t upper = sd_round_to_odd(g, (four + 2) << h) - odd;
    const std::uint64_t s = v >> 2, tens = s / 10 * 10;
    *out_k = k;
    const bool tens_in = lower <= tens << 2, above_in = (tens + 10) << 2 <= upper;
    if (tens_in != above_in) return tens_in ? tens : tens + 10;
    const bool s_in = lower <= s << 2, t_in = (s + 1) << 2 <= upper;
    if (s_in != t_in) return s_in ? s : s + 1;
    const std::uint64_t middle = (s << 2) + 2;
    return v < middle || (v == middle && !(s & 1)) ? s : s + 1;
}

/* ---- text */

/* Stores a word, highest byte first. */
static inline void sd_put_digits(char* out, std::uint64_t w) {
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    w = __builtin_bswap64(w);
    std::memcpy(out, &w, 8);
#elif defined(_MSC_VER)
    w = _byteswap_uint64(w);
    std::memcpy(out, &w, 8);
#else
    for (int i = 0; i < 8; ++i) out[i] = char(w >> (56 - 8 * i));
#endif
}

/* The digits of two numbers below 10^8, eight each, a byte each, the first one highest: both are
   split in halves, in pairs, in digits, all of a step at once. x + (x / 100) * (2^16 - 100) has
   x % 100 below and x / 100 above. */
#if SD_DIGITS_SSE2
static inline void sd_split(std::uint64_t a, std::uint64_t b, std::uint64_t* out_a, std::uint64_t* out_b) {
    __m128i x = _mm_unpacklo_epi64(_mm_cvtsi64_si128(std::int64_t(a)), _mm_cvtsi64_si128(std::int64_t(b)));
    const __m128i halves = _mm_srli_epi64(_mm_mul_epu32(x, _mm_set1_epi64x(3518437209)), 45);
    x = _mm_add_epi64(x, _mm_mul_epu32(halves, _mm_set1_epi64x((std::int64_t(1) << 32) - 10000)));
    const __m128i pairs = _mm_srli_epi16(_mm_mulhi_epu16(x, _mm_set1_epi16(10486)), 4);
    x = _mm_sub_epi16(x, _mm_mullo_epi16(pairs, _mm_set1_epi16(100)));
    x = _mm_add_epi16(x, _mm_slli_epi32(pairs, 16));
    const __m128i tens = _mm_mulhi_epu16(x, _mm_set1_epi16(6554));
    x = _mm_add_epi16(x, _mm_mullo_epi16(tens, _mm_set1_epi16((1 << 8) - 10)));
    *out_a = std::uint64_t(_mm_cvtsi128_si64(x));
    *out_b = std::uint64_t(_mm_cvtsi128_si64(_mm_unpackhi_epi64(x, x)));
}
#else
static inline std::uint64_t sd_eight_digits(std::uint64_t x) {
    x += (x * 3518437209 >> 45) * ((std::uint64_t(1) << 32) - 10000);
    x += (x * 10486 >> 20 & 0x0000007f0000007f) * ((1 << 16) - 100);
    return x + (x * 103 >> 10 & 0x000f000f000f000f) * ((1 << 8) - 10);
}
static inline void sd_split(std::uint64_t a, std::uint64_t b, std::uint64_t* out_a, std::uint64_t* out_b) {
    *out_a = sd_eight_digits(a);
    *out_b = sd_eight_digits(b);
}
#endif

enum : std::uint64_t { SD_ZEROS = 0x3030303030303030u }; /* eight characters */

/* Any decimal, digits * 10^k > 0, in any layout. */
static SD_DIGITS_COLD char* sd_write_decimal(char* out, std::uint64_t digits, int k) {
    char text[24];
    while (digits < std::uint64_t(10000000000000000)) digits *= 10, --k; /* seventeen digits */
    std::uint64_t first_eight, next_eight;
    sd_split(digits / 1000000000, digits / 10 % 100000000, &first_eight, &next_eight);
    sd_put_digits(text, first_eight | SD_ZEROS);
    sd_put_digits(text + 8, next_eight | SD_ZEROS);
    text[16] = char('0' + digits % 10);
    int n = 17;
    while (text[n - 1] == '0') --n;
    const int point = k + 17; /* 0.ddd * 10^point */
    if (n <= point && point <= 16) { /* 1234000.0 */
        std::memcpy(out, text, n);
        std::memset(out + n, '0', point - n);
        std::memcpy(out + point, ".0", 2);
        return out + point + 2;
    }
    if (0 < point && point <= 16) { /* 12.34 */
        std::memcpy(out, text, point);
        out[point] = '.';
        std::memcpy(out + point + 1, text + point, n - point);
        return out + n + 1;
    }
    if (-5 < point && point <= 0) { /* 0.00001234 */
        std::memcpy(out, "0.0000", 6);
        std::memcpy(out + 2 - point, text, n);
        return out + 2 - point + n;
    }
    *out++ = text[0]; /* 1.234e-6, 1e+16 */
    if (n > 1) {
        *out = '.';
        std::memcpy(out + 1, text + 1, n - 1);
        out += n;
    }
    int exponent = point - 1;
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    if (exponent < 0) exponent = -exponent;
    if (exponent >= 100) *out++ = char('0' + exponent / 100);
    if (exponent >= 10) *out++ = char('0' + exponent / 10 % 10);
    *out++ = char('0' + exponent % 10);
    return out;
}

/* Zero, what is no number, and what one multiplication does not decide; without the sign. */
static SD_DIGITS_COLD char* sd_write_rare(char* out, std::uint64_t bits) {
    const std::uint64_t fraction = bits & ((std::uint64_t(1) << 52) - 1);
    const int biased = int(bits >> 52 & 0x7ff);
    int k;
    if (biased == 2047) {
        out -= bits >> 63;
        std::memcpy(out, "null", 4);
        return out + 4;
    }
    if (biased == 0 && fraction == 0) {
        std::memcpy(out, "0.0", 3);
        return out + 3;
    }
    const std::uint64_t digits = biased == 0 ? sd_shortest_exact(fraction, -1074, &k)
                                 : sd_shortest_exact(fraction | std::uint64_t(1) << 52, biased - 1075, &k);
    return sd_write_decimal(out, digits, k);
}

/* The end of a text without the zeros before `end`, but not before `least`. */
static inline char* sd_cut_zeros(char* end, char* least) {
    while (end[-1] == '0') --end;
    return end < least ? least : end;
}

/* What all doubles of one sign and exponent have in common. */
struct sd_binade {
    std::uint64_t key; /* their highest 12 bits */
    std::uint64_t high, low; /* 10^-k, its highest 128 bits */
    std::int32_t k; /* of Schubfach */
    std::int32_t shift; /* 1 to 4: c << (5 - shift) times 10^-k has its point at 2^128 */
};

template <class Binade>
static inline void sd_set_binade(Binade* binade, std::uint64_t key) {
    const int q = int(key & 0x7ff) - 1075, k = sd_log10_of_power_of_2(q);
    const sd_u128 power = SD_POWERS.of[-SD_LEAST_POWER - k];
    binade->key = key;
    binade->high = power.high;
    binade->low = power.low;
    binade->k = k;
    binade->shift = 4 - q - sd_log2_of_power_of_10(-k);
}

/* The text of a double that is normal, positive and no power of two. */
template <bool IS_NEAR_ONE, class Binade>
static inline char* sd_write_of_binade(char* out, std::uint64_t bits, const Binade* binade) {
    /* x / 10^k = whole + rest / 2^64, cut off; the true one is less than 2 / 2^64 above */
    const std::uint64_t c = (bits << 11 | std::uint64_t(1) << 63) >> (6 + binade->shift);
    const sd_u128 high = sd_multiply(binade->high, c), low = sd_multiply(binade->low, c);
    const std::uint64_t rest = high.low + low.high, whole = high.high + (rest < low.high);
    std::uint64_t tens = whole / 10, last = whole - tens * 10;
    /* In units of 2^-60, cut off: how far x is above one multiple of ten and below the next, and half
       the span of what rounds to x, which is below 5: only the nearer one may be in it. */
    const std::uint64_t above = last << 60 | rest >> 4, below = (std::uint64_t(10) << 60) - above;
    const std::uint64_t nearer = above < below ? above : below, half = binade->high >> binade->shift;
    if (SD_DIGITS_RARE(nearer - half + 4 < 9 || rest - ((std::uint64_t(1) << 63) - 2) < 3))
        return sd_write_rare(out, bits);
    last += rest >> 63;
    last = nearer < half ? 0 : last;
    tens += below < half;
    int point = binade->k + 17; /* x = 0.ddd * 10^point */
    if (tens < std::uint64_t(1000000000000000)) { /* sixteen digits in all, not seventeen */
        tens = tens * 10 + last;
        last = 0;
        --point;
    }
    const std::uint64_t upper = tens / 100000000;
    std::uint64_t first_eight, next_eight;
    sd_split(upper, tens - upper * 100000000, &first_eight, &next_eight);
    first_eight |= SD_ZEROS;
    char* next = out + 9; /* where these go */
    if (IS_NEAR_ONE || SD_DIGITS_LIKELY(unsigned(point - 1) < 7)) { /* 1.2 to 1234567.8 */
        sd_put_digits(out, first_eight);
        out[point] = '.';
        sd_put_digits(out + point + 1, first_eight << 8 * point);
    } else if (unsigned(point + 4) < 5) { /* 0.00001234 */
        std::memcpy(out, "0.000000", 8);
        next = out + 10 - point;
        sd_put_digits(next - 8, first_eight);
    } else {
        return sd_write_decimal(out, tens * 10 + last, point - 17);
    }
    sd_put_digits(next, next_eight | SD_ZEROS);
    next[8] = char('0' + last);
    /* No branch on `last`, which is 0 as it comes. */
    if (SD_DIGITS_RARE((next_eight | last) == 0)) return sd_cut_zeros(next, out + point + 2);
    const std::size_t zeros = sd_trailing_zeros(next_eight | std::uint64_t(1) << 56) / 8 + 1;
    return next + (9 - (zeros & (0 - std::size_t(last == 0))));
}

/* The shortest text of a double; null for NaN and the infinities. 32 bytes are reserved. */
static inline char* sd_write_digits(char* out, double x) {
    std::uint64_t bits;
    std::memcpy(&bits, &x, 8);
    const std::uint64_t key = bits >> 52;
    *out = '-';
    out += bits >> 63;
    if (SD_DIGITS_RARE(bits << 12 == 0 || unsigned(key & 0x7ff) - 1 >= 2046)) return sd_write_rare(out, bits);
    sd_binade binade;
    sd_set_binade(&binade, key);
    return sd_write_of_binade<false>(out, bits, &binade);
}

/* The same where most doubles have the sign and the exponent of the one before, which `binade`
   keeps; its key begins as 4096, which is no double's. */
template <class Binade>
static inline char* sd_write_near(char* out, double x, Binade* binade) {
    std::uint64_t bits;
    std::memcpy(&bits, &x, 8);
    if (SD_DIGITS_RARE(bits >> 52 != binade->key)) {
        if (!(1.0 <= x && x < 8388608.0)) return sd_write_digits(out, x); /* whole binades */
        sd_set_binade(binade, bits >> 52);
    }
    if (SD_DIGITS_RARE(bits << 12 == 0)) return sd_write_rare(out, bits);
    return sd_write_of_binade<true>(out, bits, binade);
}

#endif
