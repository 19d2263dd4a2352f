package dev.jingxi.client.internal.masks;

import com.google.re2j.Matcher;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.jingxi.client.errors.MaskUnavailableException;
import java.util.ArrayList;
import java.util.List;

/** The mask `regex`: where an RE2 pattern matches the whole value, its template is shown. */
final class Patterns {
    private Patterns() {}

    static TextMask regex(Parameters p, MaskSetting setting) {
        Pattern pattern = compiled(p.text("pattern"));
        List<Object> template = template(p.text("template"), pattern.groupCount());
        return text -> {
            Matcher matcher = pattern.matcher(text);
            if (!matcher.matches()) {
                return Masker.HIDDEN;
            }
            StringBuilder out = new StringBuilder();
            for (Object part : template) {
                String shown = part instanceof Integer ? matcher.group((Integer) part) : (String) part;
                out.append(shown == null ? "" : shown);
            }
            String shown = out.toString();
            return shown.equals(text) ? Masker.HIDDEN : shown;
        };
    }

    private static Pattern compiled(String pattern) {
        try {
            return Pattern.compile(pattern);
        } catch (PatternSyntaxException error) {
            throw new MaskUnavailableException("parameter `pattern` is not RE2", error);
        }
    }

    /** Returns the template as plain texts and numbers of groups. */
    private static List<Object> template(String template, int groups) {
        List<Object> parts = new ArrayList<>();
        StringBuilder plain = new StringBuilder();
        for (int i = 0; i < template.length(); i++) {
            char unit = template.charAt(i);
            if (unit != '$') {
                plain.append(unit);
                continue;
            }
            char following = ++i < template.length() ? template.charAt(i) : 0;
            if (following == '$') {
                plain.append('$');
            } else if (following >= '1' && following <= '9' && following - '0' <= groups) {
                parts.add(plain.toString());
                plain.setLength(0);
                parts.add(following - '0');
            } else {
                throw new MaskUnavailableException("parameter `template` uses a group that the pattern does not have");
            }
        }
        parts.add(plain.toString());
        return parts;
    }
}
