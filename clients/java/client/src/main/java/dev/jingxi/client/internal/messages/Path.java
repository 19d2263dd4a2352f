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

    private Path(String text, List<Object> steps) {
        this.text = text;
        this.steps = steps;
        this.many = steps.contains(EVERY);
    }

    private Place below(Place start, int count) {
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
        int named = many ? steps.indexOf(EVERY) : steps.size();
        Hit first = named == 0 ? start : member(start, named);
        List<Hit> found = first == null ? List.of() : List.of(first);
        for (int i = named; i < steps.size() && !found.isEmpty(); i++) {
            if (found.size() == 1) {
                found = follow(found.get(0), steps.get(i));
                continue;
            }
            List<Hit> next = new ArrayList<>();
            for (Hit hit : found) {
                next.addAll(follow(hit, steps.get(i)));
            }
            found = next;
        }
        return found;
    }

    /** Returns what the first names lead to; null where it is not there. */
    private Hit member(Hit start, int names) {
        Map<?, ?> holder = holder(start, names);
        Object key = steps.get(names - 1);
        Object value = holder == null ? null : holder.get(key);
        boolean isThere = value != null || holder != null && holder.containsKey(key);
        return isThere ? new Hit(below(start.place, names), value) : null;
    }

    /**
     * Returns the object that holds what a path that leads to one place leads to; null where there is none. Throws
     * MessageMismatchException. The path has a step.
     */
    Map<?, ?> holder(Hit start) {
        return holder(start, steps.size());
    }

    private Map<?, ?> holder(Hit start, int names) {
        Object value = start.value;
        for (int i = 0; value != null; i++) {
            if (!(value instanceof Map)) {
                throw mismatch("an object", below(start.place, i));
            }
            Map<?, ?> object = (Map<?, ?>) value;
            if (i == names - 1) {
                return object;
            }
            value = object.get(steps.get(i));
        }
        return null;
    }

    /** Returns the place of that object. */
    Place holderPlace(Place start) {
        return below(start, steps.size() - 1);
    }

    /** Returns the steps to that object. */
    List<Object> holderSteps() {
        return steps.subList(0, steps.size() - 1);
    }

    /** Returns the last step. */
    Object last() {
        return steps.get(steps.size() - 1);
    }

    /** Returns whether the path is `$`. */
    boolean isStart() {
        return steps.isEmpty();
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
