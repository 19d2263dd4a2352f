package dev.jingxi.client.internal.messages;

import dev.jingxi.client.errors.MessageMismatchException;
import dev.jingxi.client.errors.PathException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A JSON path of a message map: {@code $}, then {@code .name}, {@code ['any name']} or {@code [*]}.
 *
 * <p>What is absent is not found. What is there and of another kind than the path expects is a mismatch, because data would
 * otherwise slip past the map unmasked.
 */
public final class Path {
    /** The step {@code [*]}. */
    private static final Object EVERY = new Object();

    private static final String LETTERS = "A-Za-z_\\x{80}-\\x{D7FF}\\x{E000}-\\x{10FFFF}";
    private static final Pattern STEP = Pattern.compile(
            "\\.([" + LETTERS + "][0-9" + LETTERS + "-]*)|\\['((?:[^'\\\\]|\\\\['\\\\])+)'\\]|(\\[\\*\\])");

    private final String text;
    private final List<Object> steps;
    private final boolean many;
    /** Where a path without {@code [*]} leads to from the root. */
    private final Place fixed;

    private Path(String text, List<Object> steps) {
        this.text = text;
        this.steps = steps;
        this.many = steps.contains(EVERY);
        this.fixed = many ? null : below(Place.ROOT, steps.size());
    }

    private Place below(Place start, int count) {
        if (start == Place.ROOT && fixed != null && count == steps.size()) {
            return fixed;
        }
        Place place = start;
        for (int i = 0; i < count; i++) {
            place = place.child(steps.get(i));
        }
        return place;
    }

    /** Returns the path that a text writes. Throws PathException. */
    public static Path parse(String text) {
        if (!text.startsWith("$")) {
            throw new PathException("path `" + text + "` does not begin with `$`");
        }
        List<Object> steps = new ArrayList<>();
        Matcher matcher = STEP.matcher(text);
        int end = 1;
        while (end < text.length()) {
            if (!matcher.region(end, text.length()).lookingAt()) {
                throw new PathException("path `" + text + "` cannot be read at character "
                        + (text.codePointCount(0, end) + 1) + "; use `.name`, `['any name']` or `[*]`");
            }
            if (matcher.group(1) != null) {
                steps.add(matcher.group(1));
            } else if (matcher.group(2) != null) {
                steps.add(matcher.group(2).replaceAll("\\\\(.)", "$1"));
            } else {
                steps.add(EVERY);
            }
            end = matcher.end();
        }
        return new Path(text, List.copyOf(steps));
    }

    /** Returns whether the path may lead to many places. */
    boolean isMany() {
        return many;
    }

    /** A place that a path leads to, with the value there. */
    static final class Hit {
        final Place place;
        final Object value;

        Hit(Place place, Object value) {
            this.place = place;
            this.value = value;
        }
    }

    /**
     * Returns every place below a start that the path leads to, in the document's order. A place that holds null is found;
     * nothing is found below it. Throws MessageMismatchException.
     */
    List<Hit> find(Hit start) {
        if (!many) {
            Hit only = only(start);
            return only == null ? List.of() : List.of(only);
        }
        List<Hit> found = List.of(start);
        for (Object step : steps) {
            if (found.size() == 1) {
                found = follow(found.get(0), step);
                continue;
            }
            List<Hit> next = new ArrayList<>();
            for (Hit hit : found) {
                next.addAll(follow(hit, step));
            }
            found = next;
        }
        return found;
    }

    /** Returns what a path that leads to one place finds there; null for nothing. Throws MessageMismatchException. */
    Hit only(Hit start) {
        Object value = start.value;
        for (int i = 0; i < steps.size(); i++) {
            if (value == null) {
                return null;
            }
            if (!(value instanceof Map)) {
                throw mismatch("an object", below(start.place, i));
            }
            Map<?, ?> object = (Map<?, ?>) value;
            value = object.get(steps.get(i));
            if (value == null && !object.containsKey(steps.get(i))) {
                return null;
            }
        }
        return new Hit(below(start.place, steps.size()), value);
    }

    private List<Hit> follow(Hit hit, Object step) {
        if (hit.value == null) {
            return List.of();
        }
        if (step == EVERY) {
            if (!(hit.value instanceof List)) {
                throw mismatch("a list", hit.place);
            }
            List<Hit> found = new ArrayList<>();
            for (Object item : (List<?>) hit.value) {
                found.add(new Hit(hit.place.child(found.size()), item));
            }
            return found;
        }
        if (!(hit.value instanceof Map)) {
            throw mismatch("an object", hit.place);
        }
        Map<?, ?> object = (Map<?, ?>) hit.value;
        Object value = object.get(step);
        return value == null && !object.containsKey(step) ? List.of() : List.of(new Hit(hit.place.child(step), value));
    }

    MessageMismatchException mismatch(String expected, Place place) {
        return new MessageMismatchException("path `" + text + "` expects " + expected + " at `" + place + "`");
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Path && text.equals(((Path) other).text);
    }

    @Override
    public int hashCode() {
        return Objects.hashCode(text);
    }

    @Override
    public String toString() {
        return text;
    }
}
