package dev.jingxi.client.internal.masks;

import dev.jingxi.client.errors.MaskUnavailableException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** The mask `ip`: the first octets of an IPv4 address, the first groups of an IPv6 address. */
final class Addresses {
    private static final String OCTET = "(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])";
    private static final Pattern IPV4 = Pattern.compile(OCTET + "(?:\\." + OCTET + "){3}");
    private static final Pattern GROUP = Pattern.compile("[0-9A-Fa-f]{1,4}");
    private static final int GROUPS = 8;

    private Addresses() {}

    static TextMask ip(Parameters p, MaskSetting setting) {
        int octets = p.number("ipv4");
        int groups = p.number("ipv6");
        String sign = p.text("char");
        if (octets > 3 || groups > 7) {
            throw new MaskUnavailableException("parameter `ipv4` or `ipv6` would show everything");
        }
        return text -> {
            if (IPV4.matcher(text).matches()) {
                return shown(Arrays.asList(text.split("\\.")), octets, 4, ".", sign);
            }
            List<String> parts = ipv6(text);
            return parts == null ? Masker.HIDDEN : shown(parts, groups, GROUPS, ":", sign);
        };
    }

    private static String shown(List<String> parts, int count, int all, String separator, String sign) {
        List<String> out = new ArrayList<>(parts.subList(0, count));
        for (int i = count; i < all; i++) {
            out.add(sign);
        }
        return String.join(separator, out);
    }

    /** Returns the eight groups of an IPv6 address without leading zeros; null for any other text. */
    private static List<String> ipv6(String text) {
        int gap = text.indexOf("::");
        if (gap < 0) {
            List<String> groups = groups(text);
            return groups != null && groups.size() == GROUPS ? groups : null;
        }
        if (text.indexOf("::", gap + 1) >= 0) {
            return null;
        }
        List<String> before = gap == 0 ? List.of() : groups(text.substring(0, gap));
        List<String> after = gap + 2 == text.length() ? List.of() : groups(text.substring(gap + 2));
        // An IPv4 address can only stand at the end.
        if (before == null || after == null || text.lastIndexOf('.', gap) >= 0
                || before.size() + after.size() >= GROUPS) {
            return null;
        }
        List<String> all = new ArrayList<>(before);
        while (all.size() + after.size() < GROUPS) {
            all.add("0");
        }
        all.addAll(after);
        return all;
    }

    private static List<String> groups(String text) {
        List<String> found = new ArrayList<>();
        String[] parts = text.split(":", -1);
        for (int i = 0; i < parts.length; i++) {
            if (GROUP.matcher(parts[i]).matches()) {
                found.add(Integer.toHexString(Integer.parseInt(parts[i], 16)).toLowerCase(Locale.ROOT));
            } else if (i == parts.length - 1 && IPV4.matcher(parts[i]).matches()) {
                int[] octets = Arrays.stream(parts[i].split("\\.")).mapToInt(Integer::parseInt).toArray();
                found.add(Integer.toHexString(octets[0] << 8 | octets[1]));
                found.add(Integer.toHexString(octets[2] << 8 | octets[3]));
            } else {
                return null;
            }
        }
        return found;
    }
}
