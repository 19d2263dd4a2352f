package dev.jingxi.client.internal.masks;

import java.math.BigDecimal;
import java.util.List;

/** One parameter of an algorithm: its default (null for one that may stay out) and its kind. */
final class Parameter {
    final boolean required;
    final Object value;
    final Kind kind;

    private Parameter(boolean required, Object value, Kind kind) {
        this.required = required;
        this.value = value;
        this.kind = kind;
    }

    static Parameter required(Kind kind) {
        return new Parameter(true, null, kind);
    }

    static Parameter optional(Kind kind, Object value) {
        return new Parameter(false, value, kind);
    }

    /** What a value must be to mean anything here. */
    @FunctionalInterface
    interface Kind {
        Kind COUNT = value -> isWhole(value, 0);
        Kind POSITION = value -> isWhole(value, 1);
        Kind TEXT = value -> value instanceof String;
        Kind SOME_TEXT = value -> value instanceof String && !((String) value).isEmpty();
        Kind CHARACTER = value -> value instanceof String && Codes.count((String) value) == 1;
        Kind TEXTS = value -> isListOf(value, SOME_TEXT);
        Kind NUMBERS = value -> isListOf(value, Kind::isNumber);
        Kind UNIT = value -> isNumber(value) && Figures.parse((String) value).compareTo(BigDecimal.ZERO) > 0;

        boolean accepts(Object value);

        static Kind oneOf(String... choices) {
            return List.of(choices)::contains;
        }

        private static boolean isWhole(Object value, int least) {
            if (!(value instanceof Long || value instanceof Integer)) {
                return false;
            }
            long number = ((Number) value).longValue();
            return number >= least && number <= 1_000;
        }

        private static boolean isListOf(Object value, Kind item) {
            return value instanceof List && !((List<?>) value).isEmpty() && ((List<?>) value).stream().allMatch(item::accepts);
        }

        private static boolean isNumber(Object value) {
            return value instanceof String && ((String) value).indexOf(',') < 0 && Figures.parse((String) value) != null;
        }
    }
}
