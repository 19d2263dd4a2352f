package dev.jingxi.client.errors;

import java.io.Serializable;
import java.util.Objects;

/** What is wrong at one place of a question. */
public final class Violation implements Serializable {
    private static final long serialVersionUID = 1L;

    /** The place. */
    private final String field;

    /** What is wrong. */
    private final String description;

    /**
     * Makes it.
     *
     * @param field the place as a path, such as {@code items[3].fields}
     * @param description what is wrong there
     */
    public Violation(String field, String description) {
        this.field = field;
        this.description = description;
    }

    /** {@return the place as a path, such as {@code items[3].fields}} */
    public String field() {
        return field;
    }

    /** {@return what is wrong there} */
    public String description() {
        return description;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Violation
                && field.equals(((Violation) other).field)
                && description.equals(((Violation) other).description);
    }

    @Override
    public int hashCode() {
        return Objects.hash(field, description);
    }

    @Override
    public String toString() {
        return field + ": " + description;
    }
}
