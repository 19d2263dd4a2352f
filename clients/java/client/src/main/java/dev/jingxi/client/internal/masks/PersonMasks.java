package dev.jingxi.client.internal.masks;

import java.util.List;
import java.util.stream.Collectors;

/** Masks that know how something is written: `name`, `address`, `landline`. */
final class PersonMasks {
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
                boolean isDot = isDot(codes[i]);
                dotted |= isDot;
                if (isDot || isSpace(codes[i])) {
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
            if (!dotted && letters > 2 && Surnames.isCompound(codes[first], codes[second])) {
                hidden[second] = false;
            }
            for (int i = 1; i < codes.length && !dotted; i++) {
                if (hidden[i] && isSpace(codes[i - 1]) && isLatin(codes[i])) {
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
        // Few characters of an address can end a marker, and each is looked at.
        String lasts = markers.stream().map(marker -> marker.substring(marker.length() - 1)).collect(Collectors.joining());
        return text -> {
            int count = Codes.count(text);
            for (int end = 1; end <= text.length(); end++) {
                // A marker ends where a character does.
                if (isIn(lasts, text.charAt(end - 1))
                        && endsWithAny(text, end, markers) && !endsWithAny(text, end, exceptions)) {
                    return hiding.hide(text, count, text.codePointCount(0, end), count);
                }
            }
            return hiding.hide(text, count, prefix, count);
        };
    }

    static TextMask landline(Parameters p, MaskSetting setting) {
        Hiding hiding = new Hiding(p);
        int suffix = p.number("suffix");
        return text -> {
            int start = areaCode(text);
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

    /** Returns where the area code ends that a text begins with, such as `010` or `(0519)`; 0 for none. */
    private static int areaCode(String text) {
        int zero = isIn("(（", text.charAt(0)) ? 1 : 0;
        int digits = areaDigits(text, zero);
        if (digits == 0) {
            return 0;
        }
        int end = zero + digits;
        return end < text.length() && isIn(")）", text.charAt(end)) ? end + 1 : end;
    }

    /** Returns how many digits an area code has that begins at a place: 010, 02 and one more, 03 to 09 and two more. */
    private static int areaDigits(String text, int from) {
        if (digit(text, from) != 0) {
            return 0;
        }
        int second = digit(text, from + 1);
        int third = digit(text, from + 2);
        if (second == 1) {
            return third == 0 ? 3 : 0;
        }
        if (second < 2 || third < 0) {
            return 0;
        }
        return second == 2 ? 3 : digit(text, from + 3) >= 0 ? 4 : 0;
    }

    /** Returns the digit at a place, or -1. */
    private static int digit(String text, int place) {
        char found = place < text.length() ? text.charAt(place) : ' ';
        return found >= '0' && found <= '9' ? found - '0' : -1;
    }

    private static boolean isIn(String set, int code) {
        return set.indexOf(code) >= 0;
    }

    private static boolean isDot(int code) {
        return code == 0xB7 || code == 0x2022 || code == 0x2027 || code == 0x30FB;
    }

    private static boolean isSpace(int code) {
        return code == ' ' || code == 0xA0 || code == 0x3000;
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
