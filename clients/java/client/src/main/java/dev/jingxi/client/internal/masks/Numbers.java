package dev.jingxi.client.internal.masks;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;

/** The text of a JSON number: see "Values that are no text" in docs/guides/masking.md. */
public final class Numbers {
    /** Digits on either side of the point; every double fits. */
    private static final int MAX_DIGITS = 400;

    private static final BigInteger TOO_LARGE = BigInteger.TEN.pow(MAX_DIGITS);

    /** Of the decimals with at most so many digits none other reads back as the same double, unless it is subnormal. */
    private static final int UNIQUE_DIGITS = 15;

    private Numbers() {}

    /**
     * Returns a number as text without an exponent, or null for one that has none. Decimals keep their digits; a double is
     * the shortest decimal that reads back as it.
     */
    public static String text(Number value) {
        if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return Long.toString(value.longValue());
        }
        if (value instanceof BigDecimal) {
            return text((BigDecimal) value);
        }
        if (value instanceof BigInteger) {
            return ((BigInteger) value).abs().compareTo(TOO_LARGE) < 0 ? value.toString() : null;
        }
        if (value instanceof Float) {
            // Its own text is as short as that of the double would be long.
            return Float.isFinite((Float) value) ? shown(new BigDecimal(value.toString())) : null;
        }
        if (value instanceof Double) {
            return Double.isFinite((Double) value) ? shown(shortest((Double) value)) : null;
        }
        try {
            // AtomicLong, and the like of other libraries.
            return text(new BigDecimal(value.toString()));
        } catch (NumberFormatException error) {
            return null;
        }
    }

    private static String text(BigDecimal value) {
        long adjusted = (long) value.precision() - value.scale() - 1;
        if (Math.abs(adjusted) > MAX_DIGITS || Math.abs((long) value.scale()) > MAX_DIGITS) {
            return null;
        }
        return value.toPlainString();
    }

    private static String shown(BigDecimal value) {
        return value.signum() == 0 ? "0" : value.stripTrailingZeros().toPlainString();
    }

    /** Double.toString before JDK 19 is not always the shortest, nor the nearest of the shortest (JDK-4511638). */
    static BigDecimal shortest(double value) {
        BigDecimal found = new BigDecimal(Double.toString(value)).stripTrailingZeros();
        boolean subnormal = Math.abs(value) < Double.MIN_NORMAL;
        if (found.precision() <= UNIQUE_DIGITS && !subnormal) {
            return found;
        }
        BigDecimal exact = new BigDecimal(value);
        for (int digits = found.precision(); digits > 0; digits--) {
            BigDecimal nearer = nearest(exact, digits, value);
            if (nearer == null) {
                break;
            }
            found = nearer;
        }
        return found.stripTrailingZeros();
    }

    /** Returns the decimal of so many digits that is nearest to a double and reads back as it; null for none. */
    private static BigDecimal nearest(BigDecimal exact, int digits, double value) {
        BigDecimal low = exact.round(new MathContext(digits, RoundingMode.FLOOR));
        BigDecimal high = exact.round(new MathContext(digits, RoundingMode.CEILING));
        boolean lowFits = low.doubleValue() == value;
        boolean highFits = high.doubleValue() == value;
        if (lowFits && highFits) {
            return exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
        }
        return lowFits ? low : highFits ? high : null;
    }
}
