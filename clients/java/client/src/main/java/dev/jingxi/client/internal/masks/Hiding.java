package dev.jingxi.client.internal.masks;

import java.util.Arrays;

/** What stands for hidden characters: `char`, as often as `length` says or as there are characters. */
final class Hiding {
    /** Stretches of up to so many characters are kept ready. */
    private static final int SHORT = 24;

    private final int length;
    private final String sign;
    private final int code;
    /** Stretches by their length where it follows from what they hide, and the one where it does not. */
    private final String[] ready;
    private final String fixed;

    Hiding(Parameters parameters) {
        this.length = parameters.number("length");
        this.sign = parameters.text("char");
        this.code = sign.codePointAt(0);
        this.ready = new String[length == 0 ? SHORT : 0];
        Arrays.setAll(ready, sign::repeat);
        this.fixed = sign.repeat(length);
    }

    /** Returns what stands for so many hidden characters in a row. */
    String stretch(int count) {
        return length > 0 ? fixed : count < SHORT ? ready[count] : sign.repeat(count);
    }

    /** Hides a text whole. */
    String whole(String text) {
        return length > 0 ? fixed : stretch(Codes.count(text));
    }

    /**
     * Hides the marked characters; all of them when none is marked, so that nothing is shown whole by accident. Uses up
     * `codes`.
     */
    String hide(int[] codes, boolean[] hidden) {
        return length > 0 ? replaced(codes, hidden) : covered(codes, hidden);
    }

    /** Puts a sign over each marked character. */
    private String covered(int[] codes, boolean[] hidden) {
        boolean any = false;
        for (int i = 0; i < codes.length; i++) {
            if (hidden[i]) {
                any = true;
                codes[i] = code;
            }
        }
        return any ? new String(codes, 0, codes.length) : stretch(codes.length);
    }

    /** Puts one stretch for all marked characters in a row. */
    private String replaced(int[] codes, boolean[] hidden) {
        StringBuilder out = new StringBuilder(codes.length + 8);
        boolean any = false;
        for (int i = 0; i < codes.length; i++) {
            if (!hidden[i]) {
                out.appendCodePoint(codes[i]);
            } else if (i == 0 || !hidden[i - 1]) {
                any = true;
                out.append(fixed);
            }
        }
        return any ? out.toString() : fixed;
    }

    /** Hides the characters of a text, of which there are so many, from one place up to another; all when there are none. */
    String hide(String text, int count, int from, int to) {
        int end = Math.min(to, count);
        if (from >= end) {
            return stretch(count);
        }
        // Where each is one char, places among them are places in the text.
        boolean isPlain = count == text.length();
        int first = isPlain ? from : text.offsetByCodePoints(0, from);
        int next = isPlain ? end : text.offsetByCodePoints(first, end - from);
        if (isPlain && length == 0 && Character.isBmpCodePoint(code)) {
            char[] chars = text.toCharArray();
            Arrays.fill(chars, first, next, (char) code);
            return new String(chars);
        }
        return text.substring(0, first) + stretch(end - from) + text.substring(next);
    }
}
