package dev.jingxi.client.internal.masks;

/** What stands for hidden characters: `char`, as often as `length` says or as there are characters. */
final class Hiding {
    private final int length;
    private final String sign;

    Hiding(Parameters parameters) {
        this.length = parameters.number("length");
        this.sign = parameters.text("char");
    }

    /** Returns what stands for so many hidden characters in a row. */
    String stretch(int count) {
        return sign.repeat(length == 0 ? count : length);
    }

    /** Hides a text whole. */
    String whole(String text) {
        return stretch(Codes.count(text));
    }

    /** Hides the marked characters; all of them when none is marked, so that nothing is shown whole by accident. */
    String hide(int[] codes, boolean[] hidden) {
        StringBuilder out = new StringBuilder(codes.length + 8);
        int start = 0;
        boolean any = false;
        while (start < codes.length) {
            int end = start;
            while (end < codes.length && hidden[end] == hidden[start]) {
                end++;
            }
            if (hidden[start]) {
                any = true;
                out.append(stretch(end - start));
            } else {
                for (int i = start; i < end; i++) {
                    out.appendCodePoint(codes[i]);
                }
            }
            start = end;
        }
        return any ? out.toString() : stretch(codes.length);
    }

    /** Hides the characters from one place up to another. */
    String hide(int[] codes, int from, int to) {
        boolean[] hidden = new boolean[codes.length];
        for (int i = Math.max(from, 0); i < Math.min(to, codes.length); i++) {
            hidden[i] = true;
        }
        return hide(codes, hidden);
    }
}
