package dev.jingxi.client;

import java.util.Map;
import java.util.Objects;

/** What is looked at: a customer, an account, a transaction. */
public final class Resource {
    private final String type;
    private final String id;
    private final Map<String, Object> attributes;

    private Resource(String type, String id, Map<String, ?> attributes) {
        this.type = type;
        this.id = id;
        this.attributes = Copies.map(attributes);
    }

    /** Nothing is said about it; the message may. */
    public static final Resource NONE = new Resource("", "", Map.of());

    /**
     * {@return a resource}
     *
     * @param type the kind of thing, such as {@code customer}
     * @param id its number in the calling system
     */
    public static Resource of(String type, String id) {
        return new Resource(type, id, Map.of());
    }

    /**
     * {@return this resource with one attribute more}
     *
     * @param name the declared name without {@code resource.}
     * @param value text, number, boolean, time, duration, list or map
     */
    public Resource with(String name, Object value) {
        return new Resource(type, id, Copies.with(attributes, name, value));
    }

    /** {@return the kind of thing; empty for none} */
    public String type() {
        return type;
    }

    /** {@return its number; empty for none} */
    public String id() {
        return id;
    }

    /** {@return the attributes by declared name without {@code resource.}} */
    public Map<String, Object> attributes() {
        return attributes;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Resource
                && type.equals(((Resource) other).type)
                && id.equals(((Resource) other).id)
                && attributes.equals(((Resource) other).attributes);
    }

    @Override
    public int hashCode() {
        return Objects.hash(type, id, attributes);
    }

    @Override
    public String toString() {
        return "Resource[" + type + "]";
    }
}
