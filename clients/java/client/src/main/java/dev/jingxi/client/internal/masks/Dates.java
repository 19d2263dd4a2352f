package dev.jingxi.client.internal.masks;

import dev.jingxi.client.errors.MaskUnavailableException;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The mask `date_trunc`: the year, the year and month, or the age band of a date. */
final class Dates {
    private static final String TAIL = "(?:[T ][0-9:.,+Zz-]*)?";
    private static final List<Pattern> FORMS = List.of(
            Pattern.compile("([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})" + TAIL),
            Pattern.compile("([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})" + TAIL),
            Pattern.compile("([0-9]{4})\\.([0-9]{1,2})\\.([0-9]{1,2})" + TAIL),
            Pattern.compile("([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日" + TAIL),
            Pattern.compile("([0-9]{4})([0-9]{2})([0-9]{2})(?:[0-9]{6})?"));

    private Dates() {}

    static TextMask dateTrunc(Parameters p, MaskSetting setting) {
        String unit = p.text("unit");
        int band = p.number("band");
        if (band == 0) {
            throw new MaskUnavailableException("parameter `band` is 0");
        }
        return text -> {
            LocalDate date = parse(text);
            if (date == null) {
                return Masker.HIDDEN;
            }
            if (unit.equals("age")) {
                return ageBand(date, setting.today.get(), band);
            }
            // Not by String.format, whose digits are those of the machine's language.
            String year = padded(date.getYear(), 4);
            return unit.equals("year") ? year : year + "-" + padded(date.getMonthValue(), 2);
        };
    }

    private static String padded(int number, int width) {
        String text = Integer.toString(number);
        return "0".repeat(width - text.length()) + text;
    }

    private static String ageBand(LocalDate birth, LocalDate today, int band) {
        int age = today.getYear() - birth.getYear();
        boolean before = today.getMonthValue() < birth.getMonthValue()
                || today.getMonthValue() == birth.getMonthValue() && today.getDayOfMonth() < birth.getDayOfMonth();
        age -= before ? 1 : 0;
        if (age < 0) {
            return Masker.HIDDEN;
        }
        int low = age / band * band;
        return low + "–" + (low + band - 1);
    }

    private static LocalDate parse(String text) {
        for (Pattern form : FORMS) {
            Matcher matcher = form.matcher(text);
            if (matcher.matches()) {
                int year = Integer.parseInt(matcher.group(1));
                try {
                    return year == 0 ? null
                            : LocalDate.of(year, Integer.parseInt(matcher.group(2)), Integer.parseInt(matcher.group(3)));
                } catch (DateTimeException noSuchDay) {
                    return null;
                }
            }
        }
        return null;
    }
}
