package dev.jingxi.client.internal.masks;

import dev.jingxi.client.errors.MaskUnavailableException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;

/** Masks that make a number coarser: `bucket`, `round`. Decimals are computed exactly. */
public final class Figures {
    private static final int MAX_TEXT = 64;
    /** Digits from one separator of thousands to the next. */
    private static final int GROUP = 3;

    private Figures() {}

    /** Returns the exact number of a decimal text, with or without thousands separators; null for any other text. */
    public static BigDecimal parse(String text) {
        return text.length() <= MAX_TEXT && isNumber(text) ? new BigDecimal(text.replace(",", "")) : null;
    }

    /** Returns whether a text is a sign or none, digits with separators or without, and a point with digits or none. */
    private static boolean isNumber(String text) {
        int start = text.startsWith("+") || text.startsWith("-") ? 1 : 0;
        int end = digits(text, start);
        if (end == start) {
            return false;
        }
        if (isAt(text, end, ',') && end - start > GROUP) {
            return false;
        }
        while (isAt(text, end, ',')) {
            int next = digits(text, end + 1);
            if (next - end - 1 != GROUP) {
                return false;
            }
            end = next;
        }
        if (isAt(text, end, '.')) {
            int next = digits(text, end + 1);
            return next > end + 1 && next == text.length();
        }
        return end == text.length();
    }

    /** Returns where the digits end that begin at a place. */
    private static int digits(String text, int from) {
        int end = from;
        while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
            end++;
        }
        return end;
    }

    private static boolean isAt(String text, int place, char sign) {
        return place < text.length() && text.charAt(place) == sign;
    }

    static TextMask bucket(Parameters p, MaskSetting setting) {
        List<String> texts = p.texts("edges");
        List<String> labels = p.has("labels") ? p.texts("labels") : names(texts);
        if (labels.size() != texts.size() + 1) {
            throw new MaskUnavailableException("parameter `labels` does not have one item more than `edges`");
        }
        BigDecimal[] edges = texts.stream().map(Figures::parse).toArray(BigDecimal[]::new);
        return text -> {
            BigDecimal number = parse(text);
            if (number == null) {
                return Masker.HIDDEN;
            }
            int index = 0;
            for (BigDecimal edge : edges) {
                index += number.compareTo(edge) >= 0 ? 1 : 0;
            }
            return labels.get(index);
        };
    }

    private static List<String> names(List<String> edges) {
        List<String> names = new ArrayList<>();
        names.add("<" + edges.get(0));
        for (int i = 1; i < edges.size(); i++) {
            names.add(edges.get(i - 1) + "–" + edges.get(i));
        }
        names.add("≥" + edges.get(edges.size() - 1));
        return names;
    }

    static TextMask round(Parameters p, MaskSetting setting) {
        BigDecimal unit = parse(p.text("unit"));
        boolean nearest = p.text("mode").equals("nearest");
        return text -> {
            BigDecimal number = parse(text);
            if (number == null) {
                return Masker.HIDDEN;
            }
            BigDecimal[] steps = number.abs().divideAndRemainder(unit);
            BigDecimal count = steps[0];
            if (nearest && steps[1].add(steps[1]).compareTo(unit) >= 0) {
                count = count.add(BigDecimal.ONE);
            }
            String shown = count.multiply(unit).setScale(unit.scale()).toPlainString();
            return number.signum() < 0 && count.signum() != 0 ? "-" + shown : shown;
        };
    }
}
