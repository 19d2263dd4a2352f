package dev.jingxi.client.internal.messages;

import com.google.protobuf.Timestamp;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.Date;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Points in time and spans of time, from Java's types and from text. */
final class Times {
    private static final Pattern DATE_TIME = Pattern.compile(
            "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})");
    private static final Pattern DURATION = Pattern.compile("([+-]?)((?:[0-9]+(?:\\.[0-9]+)?(?:ns|us|ms|s|m|h))+)");
    private static final Pattern DURATION_PART = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)(ns|us|ms|s|m|h)");
    private static final Map<String, BigDecimal> NANOS = Map.of(
            "ns", BigDecimal.ONE, "us", BigDecimal.valueOf(1_000L), "ms", BigDecimal.valueOf(1_000_000L),
            "s", BigDecimal.valueOf(1_000_000_000L), "m", BigDecimal.valueOf(60_000_000_000L),
            "h", BigDecimal.valueOf(3_600_000_000_000L));
    private static final long FIRST = Instant.parse("0001-01-01T00:00:00Z").getEpochSecond();
    private static final long LAST = Instant.parse("9999-12-31T23:59:59Z").getEpochSecond();

    private Times() {}

    static boolean isTime(Object value) {
        return value instanceof Instant || value instanceof OffsetDateTime || value instanceof ZonedDateTime
                || value instanceof Date;
    }

    static Timestamp timestamp(Object value) {
        Instant instant = instant(value);
        if (instant == null || instant.getEpochSecond() < FIRST || instant.getEpochSecond() > LAST) {
            throw Values.unfit(value, "a date-time with a time zone");
        }
        return Timestamp.newBuilder().setSeconds(instant.getEpochSecond()).setNanos(instant.getNano()).build();
    }

    private static Instant instant(Object value) {
        if (value instanceof Instant) {
            return (Instant) value;
        }
        if (value instanceof OffsetDateTime) {
            return ((OffsetDateTime) value).toInstant();
        }
        if (value instanceof ZonedDateTime) {
            return ((ZonedDateTime) value).toInstant();
        }
        if (value instanceof Date) {
            return Instant.ofEpochMilli(((Date) value).getTime());
        }
        if (value instanceof CharSequence && DATE_TIME.matcher((CharSequence) value).matches()) {
            try {
                return OffsetDateTime.parse((CharSequence) value).toInstant();
            } catch (DateTimeException noSuchTime) {
                return null;
            }
        }
        return null;
    }

    static com.google.protobuf.Duration duration(Object value) {
        BigInteger nanos;
        if (value instanceof Duration) {
            Duration span = (Duration) value;
            nanos = BigInteger.valueOf(span.getSeconds()).multiply(BigInteger.valueOf(1_000_000_000L))
                    .add(BigInteger.valueOf(span.getNano()));
        } else {
            nanos = nanos(value);
        }
        if (nanos.bitLength() > 63) {
            throw Values.unfit(value, "a duration of at most 292 years");
        }
        long all = nanos.longValue();
        return com.google.protobuf.Duration.newBuilder()
                .setSeconds(all / 1_000_000_000L)
                .setNanos((int) (all % 1_000_000_000L))
                .build();
    }

    private static BigInteger nanos(Object value) {
        boolean short64 = value instanceof CharSequence && ((CharSequence) value).length() <= 64;
        Matcher matcher = short64 ? DURATION.matcher((CharSequence) value) : null;
        if (matcher == null || !matcher.matches()) {
            throw Values.unfit(value, "a duration");
        }
        BigInteger nanos = BigInteger.ZERO;
        Matcher part = DURATION_PART.matcher(matcher.group(2));
        while (part.find()) {
            BigDecimal span = new BigDecimal(part.group(1)).multiply(NANOS.get(part.group(2)));
            nanos = nanos.add(span.setScale(0, RoundingMode.DOWN).toBigInteger());
        }
        return matcher.group(1).equals("-") ? nanos.negate() : nanos;
    }
}
