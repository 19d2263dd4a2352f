package dev.jingxi.client.internal.masks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NumbersTest {
    @ParameterizedTest
    @CsvSource({
        "50.0, 50", "1e21, 1000000000000000000000", "1e-6, 0.000001", "-0.0, 0", "0.1, 0.1", "2.0E-3, 0.002",
        // What Double.toString of JDK 17 writes with a digit too many, or not the nearest.
        "2.2250738585072014E-308, ''", "2e23, 200000000000000000000000", "1.0E23, 100000000000000000000000",
        "8.41E21, 8410000000000000000000", "9007199254740993, 9007199254740992", "5.0E-324, ''",
    })
    void doubles(double value, String expected) {
        String text = Numbers.text(value);
        assertEquals(value + 0.0, Double.parseDouble(text));
        if (!expected.isEmpty()) {
            assertEquals(expected, text);
        }
    }

    @Test
    void powersOfTwoAreWrittenAsEveryOtherLanguageDoes() {
        assertEquals("0.00000000000005684341886080802", Numbers.text(Math.pow(2, -44)));
        assertEquals("0." + "0".repeat(323) + "5", Numbers.text(Double.MIN_VALUE));
    }

    @Test
    void theShortestIsFoundForAnyDouble() {
        Random random = new Random(7);
        for (int i = 0; i < 3_000; i++) {
            double value = i % 3 == 0 ? Double.longBitsToDouble(random.nextLong())
                    : i % 3 == 1 ? Math.scalb(1.0, random.nextInt(2_000) - 1_000) : random.nextDouble() * 1e6;
            if (!Double.isFinite(value)) {
                continue;
            }
            BigDecimal found = Numbers.shortest(value);
            assertEquals(value, found.doubleValue());
            assertTrue(found.precision() <= slow(value), () -> "too long: " + found);
        }
    }

    /** The least digits with which some decimal next to the double reads back as it. */
    private static int slow(double value) {
        BigDecimal exact = new BigDecimal(value);
        for (int digits = 1; digits < 17; digits++) {
            BigDecimal low = exact.round(new MathContext(digits, RoundingMode.FLOOR));
            BigDecimal high = exact.round(new MathContext(digits, RoundingMode.CEILING));
            if (low.doubleValue() == value || high.doubleValue() == value) {
                return digits;
            }
        }
        return 17;
    }

    @Test
    void othersKeepTheirDigits() {
        assertEquals("1.50", Numbers.text(new BigDecimal("1.50")));
        assertEquals("1500", Numbers.text(new BigDecimal("1.5E3")));
        assertNull(Numbers.text(new BigDecimal("1E401")));
        assertNull(Numbers.text(BigInteger.TEN.pow(400)));
        assertNull(Numbers.text(Double.NaN));
        assertEquals("0.1", Numbers.text(0.1f));
        assertEquals("-9223372036854775808", Numbers.text(Long.MIN_VALUE));
        assertEquals("5", Numbers.text(new java.util.concurrent.atomic.AtomicLong(5)));
    }
}
