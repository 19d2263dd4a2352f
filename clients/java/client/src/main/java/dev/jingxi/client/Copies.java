package dev.jingxi.client;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Unmodifiable copies that keep the order and, unlike {@code Map.copyOf}, nulls. */
final class Copies {
    private Copies() {}

    static <V> Map<String, V> map(Map<String, ? extends V> source) {
        return source.isEmpty() ? Map.of() : Collections.unmodifiableMap(new LinkedHashMap<>(source));
    }

    static <V> Map<String, V> with(Map<String, ? extends V> source, String name, V value) {
        Map<String, V> copy = new LinkedHashMap<>(source);
        copy.put(name, value);
        return Collections.unmodifiableMap(copy);
    }

    static <V> List<V> joined(List<? extends V> first, List<? extends V> second) {
        List<V> all = new ArrayList<>(first);
        all.addAll(second);
        return Collections.unmodifiableList(all);
    }
}
