package dev.jingxi.client.internal.masks;

import static dev.jingxi.client.internal.masks.Parameter.optional;
import static dev.jingxi.client.internal.masks.Parameter.required;

import dev.jingxi.client.errors.MaskUnavailableException;
import dev.jingxi.client.internal.masks.Parameter.Kind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Every algorithm with its parameters, and what masks make of values that are no text. */
public final class MaskCatalogue {
    /** Lists in lists beyond this are hidden whole. */
    private static final int MAX_DEPTH = 64;

    private static final List<String> MARKERS = List.of("区", "县", "旗");
    private static final List<String> NO_MARKERS =
            List.of("自治区", "行政区", "小区", "社区", "园区", "校区", "厂区", "景区", "住宅区", "生活区", "工业区", "别墅区");

    private static final Map<String, Algorithm> ALGORITHMS = algorithms();

    /** Their masks depend on a key, which may come and go, so that nobody keeps them. */
    private static final Set<String> KEYED = Set.of("hash", "encrypt", "fpe");

    private MaskCatalogue() {}

    @FunctionalInterface
    private interface Maker {
        TextMask make(Parameters parameters, MaskSetting setting);
    }

    private static final class Algorithm {
        final Maker maker;
        final Map<String, Parameter> parameters;

        Algorithm(Maker maker, Map<String, Parameter> parameters) {
            this.maker = maker;
            this.parameters = parameters;
        }
    }

    /** Returns whether a mask of this algorithm draws on a key. */
    public static boolean isKeyed(String algorithm) {
        return KEYED.contains(algorithm);
    }

    /** Returns a mask. Throws MaskUnavailableException when it cannot be performed exactly as told. */
    public static Masker masker(String algorithm, Map<String, ?> given, MaskSetting setting) {
        Parameters parameters = parameters(algorithm, given);
        if (algorithm.equals("suppress")) {
            return value -> Masker.DROP;
        }
        if (algorithm.equals("null")) {
            return value -> null;
        }
        TextMask mask = ALGORITHMS.get(algorithm).maker.make(parameters, setting);
        return value -> onValue(value, mask, 0);
    }

    /** Returns the parameters with defaults. Throws MaskUnavailableException. */
    static Parameters parameters(String algorithm, Map<String, ?> given) {
        Algorithm known = ALGORITHMS.get(algorithm);
        if (known == null) {
            throw new MaskUnavailableException("this client does not know the algorithm `" + algorithm + "`");
        }
        return Parameters.read(algorithm, known.parameters, given);
    }

    private static Object onValue(Object value, TextMask mask, int depth) {
        if (value == null) {
            return null;
        }
        String text;
        if (value instanceof CharSequence) {
            text = value.toString();
        } else if (value instanceof Number) {
            text = Numbers.text((Number) value);
        } else if (value instanceof List && depth < MAX_DEPTH) {
            List<Object> out = new ArrayList<>();
            for (Object item : (List<?>) value) {
                out.add(onValue(item, mask, depth + 1));
            }
            return out;
        } else {
            return Masker.HIDDEN;
        }
        if (text == null || Codes.hasLoneSurrogate(text)) {
            return Masker.HIDDEN;
        }
        return text.isEmpty() ? "" : mask.apply(text);
    }

    private static Map<String, Algorithm> algorithms() {
        Map<String, Parameter> ends = hiding(0, Map.of(
                "prefix", optional(Kind.COUNT, 0), "suffix", optional(Kind.COUNT, 0), "skip", optional(Kind.TEXT, "")));
        Map<String, Parameter> delimiter = hiding(0, Map.of(
                "delimiter", required(Kind.SOME_TEXT), "occurrence", optional(Kind.oneOf("first", "last"), "first")));
        Map<String, Algorithm> all = new HashMap<>();
        all.put("suppress", new Algorithm(null, Map.of()));
        all.put("null", new Algorithm(null, Map.of()));
        all.put("full", new Algorithm(TextMasks::full, hiding(3, Map.of())));
        all.put("keep", new Algorithm(TextMasks::keep, ends));
        all.put("mask", new Algorithm(TextMasks::mask, ends));
        all.put("keep_range", new Algorithm(TextMasks::keepRange, hiding(0, Map.of(
                "from", required(Kind.POSITION), "to", required(Kind.POSITION), "skip", optional(Kind.TEXT, "")))));
        all.put("before", new Algorithm(TextMasks::before, delimiter));
        all.put("after", new Algorithm(TextMasks::after, delimiter));
        all.put("name", new Algorithm(PersonMasks::name, hiding(0, Map.of())));
        all.put("email", new Algorithm(TextMasks::email, hiding(3, Map.of("prefix", optional(Kind.COUNT, 1)))));
        all.put("address", new Algorithm(PersonMasks::address, hiding(4, Map.of(
                "markers", optional(Kind.TEXTS, MARKERS), "exceptions", optional(Kind.TEXTS, NO_MARKERS),
                "prefix", optional(Kind.COUNT, 6)))));
        all.put("landline", new Algorithm(PersonMasks::landline, hiding(0, Map.of("suffix", optional(Kind.COUNT, 2)))));
        all.put("bucket", new Algorithm(Figures::bucket, Map.of(
                "edges", required(Kind.NUMBERS), "labels", optional(Kind.TEXTS, null))));
        all.put("round", new Algorithm(Figures::round, Map.of(
                "unit", optional(Kind.UNIT, "1000"), "mode", optional(Kind.oneOf("nearest", "down"), "nearest"))));
        all.put("date_trunc", new Algorithm(Dates::dateTrunc, Map.of(
                "unit", optional(Kind.oneOf("year", "month", "age"), "year"), "band", optional(Kind.COUNT, 10))));
        all.put("ip", new Algorithm(Addresses::ip, Map.of(
                "ipv4", optional(Kind.COUNT, 1), "ipv6", optional(Kind.COUNT, 3), "char", optional(Kind.CHARACTER, "*"))));
        all.put("regex", new Algorithm(Patterns::regex, Map.of(
                "pattern", required(Kind.SOME_TEXT), "template", required(Kind.SOME_TEXT))));
        all.put("hash", new Algorithm(Digests::hash, Map.of(
                "key", required(Kind.SOME_TEXT), "digest", optional(Kind.oneOf("sha256", "sm3"), "sha256"),
                "digits", optional(Kind.COUNT, 64))));
        all.put("encrypt", new Algorithm(Ciphers::encrypt, Map.of(
                "key", required(Kind.SOME_TEXT), "cipher", optional(Kind.oneOf("aes-gcm", "sm4-gcm"), "aes-gcm"))));
        all.put("fpe", new Algorithm(FormatPreserving::fpe, Map.of(
                "key", required(Kind.SOME_TEXT), "tweak", optional(Kind.TEXT, ""),
                "alphabet", optional(Kind.oneOf("digits", "alnum", "alnum-case"), "digits"))));
        return Map.copyOf(all);
    }

    private static Map<String, Parameter> hiding(int length, Map<String, Parameter> own) {
        Map<String, Parameter> all = new HashMap<>(own);
        all.put("length", optional(Kind.COUNT, length));
        all.put("char", optional(Kind.CHARACTER, "*"));
        return Map.copyOf(all);
    }
}
