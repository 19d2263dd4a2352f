package dev.jingxi.client.internal.masks;

import dev.jingxi.client.errors.MaskUnavailableException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Masks that make a number coarser: `bucket`, `round`. Decimals are computed exactly. */
public final class Figures {
    private static final Pattern NUMBER =
            Pattern.compile("[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\\.[0-9]+)?");
    private static final int MAX_TEXT = 64;

    private Figures() {}

    /** Returns the exact number of a decimal text, with or without thousands separators; null for any other text. */
    public static BigDecimal parse(String text) {
        if (text.length() > MAX_TEXT || !NUMBER.matcher(text).matches()) {
            return null;
        }
        return new BigDecimal(text.replace(",", ""));
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
