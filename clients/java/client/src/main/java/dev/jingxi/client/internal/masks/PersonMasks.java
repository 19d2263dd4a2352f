package dev.jingxi.client.internal.masks;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Masks that know how something is written: `name`, `address`, `landline`. */
final class PersonMasks {
    private static final String DOTS = "\u00b7\u2022\u2027\u30fb";
    private static final String SPACES = "\u0020\u00a0\u3000";
    private static final Pattern AREA_CODE = Pattern.compile("[(（]?0(?:10|2[0-9]|[3-9][0-9]{2})[)）]?");
    private static final String PHONE_SEPARATORS = "- ()（）";

    private PersonMasks() {}

    static TextMask name(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        return text -> {
            int[] codes = Codes.of(text);
            boolean[] hidden = new boolean[codes.length];
            boolean dotted = false;
            int first = -1;
            int second = -1;
            int letters = 0;
            for (int i = 0; i < codes.length; i++) {
                dotted |= isIn(DOTS, codes[i]);
                if (isIn(DOTS, codes[i]) || isIn(SPACES, codes[i])) {
                    continue;
                }
                letters++;
                if (letters == 1) {
                    first = i;
                } else if (letters == 2) {
                    second = i;
                }
                hidden[i] = letters > 1;
            }
            if (!dotted && letters > 2 && isCompound(codes[first], codes[second])) {
                hidden[second] = false;
            }
            for (int i = 1; i < codes.length && !dotted; i++) {
                if (hidden[i] && isIn(SPACES, codes[i - 1]) && isLatin(codes[i])) {
                    hidden[i] = false;
                }
            }
            return hiding.hide(codes, hidden);
        };
    }

    static TextMask address(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        List<String> markers = p.texts("markers");
        List<String> exceptions = p.texts("exceptions");
        int prefix = p.number("prefix");
        return text -> {
            int[] codes = Codes.of(text);
            int end = 0;
            for (int i = 0; i < codes.length; i++) {
                end += Character.charCount(codes[i]);
                if (endsWithAny(text, end, markers) && !endsWithAny(text, end, exceptions)) {
                    return hiding.hide(codes, i + 1, codes.length);
                }
            }
            return hiding.hide(codes, prefix, codes.length);
        };
    }

    static TextMask landline(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        int suffix = p.number("suffix");
        return text -> {
            Matcher code = AREA_CODE.matcher(text);
            int start = code.lookingAt() ? code.end() : 0;
            int[] codes = Codes.of(text);
            boolean[] hidden = new boolean[codes.length];
            int shown = 0;
            for (int i = codes.length - 1; i >= start; i--) {
                if (!isIn(PHONE_SEPARATORS, codes[i])) {
                    hidden[i] = ++shown > suffix;
                }
            }
            return hiding.hide(codes, hidden);
        };
    }

    private static boolean isIn(String set, int code) {
        return set.indexOf(code) >= 0;
    }

    private static boolean isCompound(int first, int second) {
        return Surnames.COMPOUND.contains(Character.toString(first) + Character.toString(second));
    }

    /** A Latin letter up to U+024F, without the signs of multiplication and division. */
    private static boolean isLatin(int code) {
        return code >= 'A' && code <= 'Z'
                || code >= 'a' && code <= 'z'
                || code >= 0xC0 && code <= 0x24F && code != 0xD7 && code != 0xF7;
    }

    private static boolean endsWithAny(String text, int end, List<String> words) {
        for (String word : words) {
            if (word.length() <= end && text.startsWith(word, end - word.length())) {
                return true;
            }
        }
        return false;
    }
}
