package dev.jingxi.client.internal.messages;

import dev.jingxi.client.errors.MessageMismatchException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** JSON documents as maps and lists. */
public final class Documents {
    /** Deeper messages are refused before the stack ends. */
    private static final int MAX_DEPTH = 500;

    private Documents() {}

    /** Returns a deep copy whose objects and lists can be written. Throws MessageMismatchException when it is too deep. */
    public static Object copied(Object document) {
        return copied(document, 0);
    }

    private static Object copied(Object document, int depth) {
        if (depth > MAX_DEPTH) {
            throw new MessageMismatchException("the message is nested deeper than " + MAX_DEPTH + " levels");
        }
        if (document instanceof Map) {
            Map<?, ?> source = (Map<?, ?>) document;
            Map<Object, Object> copy = new LinkedHashMap<>(source.size() * 4 / 3 + 1);
            for (Map.Entry<?, ?> entry : source.entrySet()) {
                copy.put(entry.getKey(), copied(entry.getValue(), depth + 1));
            }
            return copy;
        }
        if (document instanceof Collection || document instanceof Object[]) {
            Collection<?> source = document instanceof Object[] ? Arrays.asList((Object[]) document) : (Collection<?>) document;
            List<Object> copy = new ArrayList<>(source.size());
            for (Object item : source) {
                copy.add(copied(item, depth + 1));
            }
            return copy;
        }
        return document;
    }

    static Object get(Object document, Place place) {
        return place.parent == null ? document : in(get(document, place.parent), place.key);
    }

    /** Returns a member of an object or an item of a list; null where there is none. */
    static Object in(Object holder, Object key) {
        if (holder instanceof Map) {
            return ((Map<?, ?>) holder).get(key);
        }
        return isItem(holder, key) ? ((List<?>) holder).get((Integer) key) : null;
    }

    /** Returns whether an object has a member, or a list an item, even if it is null. */
    static boolean has(Object holder, Object key) {
        return holder instanceof Map ? ((Map<?, ?>) holder).containsKey(key) : isItem(holder, key);
    }

    private static boolean isItem(Object holder, Object key) {
        return holder instanceof List && key instanceof Integer && (Integer) key < ((List<?>) holder).size();
    }

    @SuppressWarnings("unchecked")
    static void set(Object holder, Object key, Object value) {
        if (holder instanceof Map) {
            ((Map<Object, Object>) holder).put(key, value);
        } else {
            ((List<Object>) holder).set((Integer) key, value);
        }
    }

    /** Takes places out, items from the last to the first so that the places of the others stay true. */
    static Object removed(Object document, Collection<Place> places) {
        for (Place place : new TreeSet<>(places).descendingSet()) {
            if (place.parent == null) {
                return null;
            }
            // A mask on what encloses it may have replaced it.
            Object holder = get(document, place.parent);
            if (holder instanceof Map) {
                ((Map<?, ?>) holder).remove(place.key);
            } else if (isItem(holder, place.key)) {
                ((List<?>) holder).remove((int) (Integer) place.key);
            }
        }
        return document;
    }
}
