package dev.jingxi.client;

import java.util.Map;
import java.util.Objects;

/** What the employee is about to do. */
public final class Action {
    private final String name;
    private final Map<String, Object> attributes;

    private Action(String name, Map<String, ?> attributes) {
        this.name = name;
        this.attributes = Copies.map(attributes);
    }

    /** Nothing is said about what for. */
    public static final Action NONE = new Action("", Map.of());

    /**
     * {@return an action}
     *
     * @param name the operation, such as {@code query}
     */
    public static Action of(String name) {
        return new Action(name, Map.of());
    }

    /**
     * {@return this action with one attribute more}
     *
     * @param attribute the declared name without {@code action.}
     * @param value text, number, boolean, time, duration, list or map
     */
    public Action with(String attribute, Object value) {
        return new Action(name, Copies.with(attributes, attribute, value));
    }

    /** {@return the operation; empty for none} */
    public String name() {
        return name;
    }

    /** {@return the attributes by declared name without {@code action.}} */
    public Map<String, Object> attributes() {
        return attributes;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Action
                && name.equals(((Action) other).name)
                && attributes.equals(((Action) other).attributes);
    }

    @Override
    public int hashCode() {
        return Objects.hash(name, attributes);
    }

    @Override
    public String toString() {
        return "Action[" + name + "]";
    }
}
