package dev.jingxi.client.internal.masks;

import java.util.Arrays;

/** Texts as code points: {@code 𠮷} is one, whatever Java's chars say. */
public final class Codes {
    private Codes() {}

    static int count(String text) {
        return text.codePointCount(0, text.length());
    }

    static int[] of(String text) {
        int[] codes = new int[text.length()];
        int count = 0;
        for (int i = 0; i < text.length(); i += Character.charCount(codes[count - 1])) {
            codes[count++] = text.codePointAt(i);
        }
        return count == codes.length ? codes : Arrays.copyOf(codes, count);
    }

    /** Returns whether a text holds half of a surrogate pair, which has no form outside of Java. */
    public static boolean hasLoneSurrogate(String text) {
        for (int i = 0; i < text.length(); i++) {
            char unit = text.charAt(i);
            if (Character.isSurrogate(unit)) {
                if (!Character.isHighSurrogate(unit) || ++i == text.length() || !Character.isLowSurrogate(text.charAt(i))) {
                    return true;
                }
            }
        }
        return false;
    }
}
