package dev.jingxi.client.internal.masks;

import dev.jingxi.client.errors.MaskUnavailableException;

/** Masks by position: `full`, `keep`, `mask`, `keep_range`, `before`, `after`, `email`. */
final class TextMasks {
    private TextMasks() {}

    static TextMask full(Parameters p, MaskSetting setting) {
        return new Hiding(p)::whole;
    }

    static TextMask keep(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        int prefix = p.number("prefix");
        int suffix = p.number("suffix");
        int[] skip = Codes.of(p.text("skip"));
        if (skip.length == 0) {
            return text -> {
                int count = Codes.count(text);
                return hiding.hide(text, count, prefix, count - suffix);
            };
        }
        return text -> {
            int[] codes = Codes.of(text);
            int[] letters = letters(codes, skip);
            return hiding.hide(codes, marked(codes, letters, prefix, letters.length - suffix));
        };
    }

    static TextMask mask(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        int prefix = p.number("prefix");
        int suffix = p.number("suffix");
        int[] skip = Codes.of(p.text("skip"));
        return text -> {
            int[] codes = Codes.of(text);
            int[] letters = letters(codes, skip);
            int end = letters.length - suffix;
            boolean[] hidden = new boolean[codes.length];
            if (end > prefix) {
                mark(hidden, letters, 0, prefix);
                mark(hidden, letters, end, letters.length);
            }
            return hiding.hide(codes, hidden);
        };
    }

    static TextMask keepRange(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        int from = p.number("from");
        int to = p.number("to");
        int[] skip = Codes.of(p.text("skip"));
        if (to < from) {
            throw new MaskUnavailableException("parameter `to` lies before `from`");
        }
        return text -> {
            int[] codes = Codes.of(text);
            int[] letters = letters(codes, skip);
            if (letters.length < to) {
                return hiding.stretch(codes.length);
            }
            boolean[] hidden = new boolean[codes.length];
            mark(hidden, letters, 0, from - 1);
            mark(hidden, letters, to, letters.length);
            return hiding.hide(codes, hidden);
        };
    }

    static TextMask before(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        return text -> {
            int place = find(text, p);
            if (place <= 0) {
                return hiding.whole(text);
            }
            return hiding.stretch(text.codePointCount(0, place)) + text.substring(place);
        };
    }

    static TextMask after(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        int length = p.text("delimiter").length();
        return text -> {
            int place = find(text, p);
            int start = place + length;
            if (place < 0 || start == text.length()) {
                return hiding.whole(text);
            }
            return text.substring(0, start) + hiding.stretch(text.codePointCount(start, text.length()));
        };
    }

    static TextMask email(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        int prefix = p.number("prefix");
        return text -> {
            int place = text.lastIndexOf('@');
            if (place <= 0 || place == text.length() - 1) {
                return hiding.whole(text);
            }
            int at = text.codePointCount(0, place);
            return hiding.hide(text, Codes.count(text), prefix < at ? prefix : 0, at);
        };
    }

    /** Returns the places of the characters that count. */
    private static int[] letters(int[] codes, int[] skip) {
        int[] found = new int[codes.length];
        int count = 0;
        for (int i = 0; i < codes.length; i++) {
            if (!contains(skip, codes[i])) {
                found[count++] = i;
            }
        }
        return java.util.Arrays.copyOf(found, count);
    }

    private static boolean contains(int[] codes, int code) {
        for (int one : codes) {
            if (one == code) {
                return true;
            }
        }
        return false;
    }

    private static boolean[] marked(int[] codes, int[] letters, int from, int to) {
        boolean[] hidden = new boolean[codes.length];
        mark(hidden, letters, from, to);
        return hidden;
    }

    private static void mark(boolean[] hidden, int[] letters, int from, int to) {
        for (int i = from; i < to; i++) {
            hidden[letters[i]] = true;
        }
    }

    /** Both texts are whole code points, so that a place in chars is one between characters. */
    private static int find(String text, Parameters p) {
        String delimiter = p.text("delimiter");
        return p.text("occurrence").equals("last") ? text.lastIndexOf(delimiter) : text.indexOf(delimiter);
    }
}
