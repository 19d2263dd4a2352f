package dev.jingxi.client.internal.masks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jingxi.client.Keys;
import java.math.BigDecimal;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What masks read char by char, held to a slower and more obvious way for random texts. */
class ReadingTest {
    private static final int TEXTS = 20_000;
    private static final Pattern NUMBER = Pattern.compile("[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\\.[0-9]+)?");
    private static final Pattern AREA_CODE = Pattern.compile("[(（]?0(?:10|2[0-9]|[3-9][0-9]{2})[)）]?");
    private static final List<String> MARKERS = List.of("区", "县", "\uD842\uDFB7旗", "\uD842\uDFB7");
    private static final List<String> EXCEPTIONS = List.of("小区", "县\uD842\uDFB7旗");

    private final Random random = new Random(11);

    private String text(String alphabet, int longest) {
        int[] codes = Codes.of(alphabet);
        int[] text = IntStream.range(0, 1 + random.nextInt(longest)).map(i -> codes[random.nextInt(codes.length)]).toArray();
        return new String(text, 0, text.length);
    }

    private static String masked(String algorithm, Map<String, ?> parameters, String text) {
        return (String) MaskCatalogue.masker(algorithm, parameters, MaskSetting.of(Keys.none())).apply(text);
    }

    /** Returns a text whose characters from one place up to another are hidden, or all where that is none. */
    private static String hidden(String text, int from, int to, int length) {
        int[] codes = Codes.of(text);
        int first = from < Math.min(to, codes.length) ? from : 0;
        int next = from < Math.min(to, codes.length) ? Math.min(to, codes.length) : codes.length;
        String signs = "*".repeat(length == 0 ? next - first : length);
        return new String(codes, 0, first) + signs + new String(codes, next, codes.length - next);
    }

    @Test
    void numbers() {
        for (int i = 0; i < TEXTS; i++) {
            String text = text("0123,.+-9 ", 14);
            boolean fits = NUMBER.matcher(text).matches();
            assertEquals(fits ? new BigDecimal(text.replace(",", "")) : null, Figures.parse(text), text);
        }
    }

    @Test
    void areaCodes() {
        for (int i = 0; i < TEXTS; i++) {
            String text = text("00123579-()（） 𠮷", 12);
            Matcher code = AREA_CODE.matcher(text);
            int start = code.lookingAt() ? text.codePointCount(0, code.end()) : 0;
            int[] codes = Codes.of(text);
            int shown = 0;
            boolean any = false;
            for (int k = codes.length - 1; k >= start; k--) {
                if ("- ()（）".indexOf(codes[k]) < 0 && ++shown > 2) {
                    codes[k] = '*';
                    any = true;
                }
            }
            String expected = any ? new String(codes, 0, codes.length) : "*".repeat(codes.length);
            assertEquals(expected, masked("landline", Map.of(), text), text);
        }
    }

    @Test
    void ends() {
        for (int i = 0; i < TEXTS; i++) {
            String text = text("ab1张𠮷é", 40);
            int prefix = random.nextInt(5);
            int suffix = random.nextInt(5);
            int length = random.nextInt(3);
            String expected = hidden(text, prefix, Codes.count(text) - suffix, length);
            Map<String, Long> parameters = Map.of("prefix", (long) prefix, "suffix", (long) suffix, "length", (long) length);
            assertEquals(expected, masked("keep", parameters, text), text);
        }
    }

    @Test
    void addresses() {
        Map<String, Object> parameters = Map.of("markers", MARKERS, "exceptions", EXCEPTIONS, "prefix", 3L);
        for (int i = 0; i < TEXTS; i++) {
            String text = text("区县旗𠮷小a", 9);
            int[] codes = Codes.of(text);
            int shown = IntStream.rangeClosed(1, codes.length).filter(end -> {
                String head = new String(codes, 0, end);
                return MARKERS.stream().anyMatch(head::endsWith) && EXCEPTIONS.stream().noneMatch(head::endsWith);
            }).findFirst().orElse(3);
            assertEquals(hidden(text, shown, codes.length, 4), masked("address", parameters, text), text);
        }
    }

    @Test
    void names() {
        String compound = Arrays.stream(new String[] {"欧阳", "司马", "独孤", "萬俟"}).collect(Collectors.joining());
        for (int i = 0; i < TEXTS; i++) {
            String text = text(compound + "张𠮷AZé×·・  ", 7);
            assertEquals(name(text), masked("name", Map.of(), text), text);
        }
    }

    /** The mask of names as docs/guides/masking.md says it. */
    private static String name(String text) {
        int[] codes = Codes.of(text);
        boolean dotted = text.matches(".*[·•‧・].*");
        String letters = text.replaceAll("[·•‧・ \u00a0\u3000]", "");
        boolean compound = !dotted && Codes.count(letters) > 2 && letters.matches("(?:欧阳|司马|独孤|萬俟).*");
        int seen = 0;
        boolean any = false;
        int[] shown = codes.clone();
        for (int i = 0; i < codes.length; i++) {
            String own = Character.toString(codes[i]);
            if (own.matches("[·•‧・ \u00a0\u3000]")) {
                continue;
            }
            seen++;
            boolean begins = !dotted && i > 0 && Character.toString(codes[i - 1]).matches("[ \u00a0\u3000]")
                    && own.matches("[A-Za-z\u00c0-\u024f&&[^×÷]]");
            if (seen > (compound ? 2 : 1) && !begins) {
                shown[i] = '*';
                any = true;
            }
        }
        return any ? new String(shown, 0, shown.length) : "*".repeat(codes.length);
    }
}
