package dev.jingxi.client.internal.masks;

/** A mask ready for use: from a JSON value to what may be shown of it. Never changes its argument. */
@FunctionalInterface
public interface Masker {
    /** What a mask gives for a field that must be left out. */
    Object DROP = new Object() {
        @Override
        public String toString() {
            return "DROP";
        }
    };

    /** What stands for a value whose form does not fit its mask. */
    String HIDDEN = "***";

    /** Returns what may be shown, or {@link #DROP}. */
    Object apply(Object value);
}
