package dev.jingxi.client.internal.messages;

import java.util.Objects;

/** The keys and indices that lead to a value of a document. */
public final class Place implements Comparable<Place> {
    /** The document itself. */
    public static final Place ROOT = new Place(null, null, 0);

    final Place parent;
    /** A member's name, or the index of an item. */
    final Object key;
    final int depth;

    private Place(Place parent, Object key, int depth) {
        this.parent = parent;
        this.key = key;
        this.depth = depth;
    }

    Place child(Object next) {
        return new Place(this, next, depth + 1);
    }

    /** Orders list indices as numbers, and a parent before what is in it. */
    @Override
    public int compareTo(Place other) {
        if (depth != other.depth) {
            Place deeper = depth > other.depth ? this : other;
            Place shallower = deeper == this ? other : this;
            int compared = shallower.compareTo(deeper.upTo(shallower.depth));
            int result = compared == 0 ? -1 : compared;
            return deeper == this ? -result : result;
        }
        if (depth == 0) {
            return 0;
        }
        int compared = parent.compareTo(other.parent);
        return compared == 0 ? compareKeys(key, other.key) : compared;
    }

    private Place upTo(int wanted) {
        Place place = this;
        while (place.depth > wanted) {
            place = place.parent;
        }
        return place;
    }

    private static int compareKeys(Object left, Object right) {
        if (left instanceof Integer && right instanceof Integer) {
            return ((Integer) left).compareTo((Integer) right);
        }
        if (left instanceof Integer || right instanceof Integer) {
            return left instanceof Integer ? -1 : 1;
        }
        return left.toString().compareTo(right.toString());
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Place)) {
            return false;
        }
        Place that = (Place) other;
        return depth == that.depth && Objects.equals(key, that.key) && Objects.equals(parent, that.parent);
    }

    @Override
    public int hashCode() {
        return 31 * Objects.hashCode(parent) + Objects.hashCode(key);
    }

    /** Returns it as people write it, such as {@code $.accounts[2].no}. */
    @Override
    public String toString() {
        if (parent == null) {
            return "$";
        }
        return parent + (key instanceof Integer ? "[" + key + "]" : "." + key);
    }
}
