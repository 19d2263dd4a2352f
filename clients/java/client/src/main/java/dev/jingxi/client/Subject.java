package dev.jingxi.client;

import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Who asks: the employee in front of the screen. */
public final class Subject {
    private final String id;
    private final List<String> roles;
    private final Map<String, Object> attributes;

    private Subject(String id, List<String> roles, Map<String, ?> attributes) {
        this.id = id;
        this.roles = List.copyOf(roles);
        this.attributes = Copies.map(attributes);
    }

    /**
     * {@return a subject}
     *
     * @param id the employee's number in the calling system
     */
    public static Subject of(String id) {
        return new Subject(id, List.of(), Map.of());
    }

    /**
     * {@return this subject with these roles instead of its own}
     *
     * @param names the roles held now
     */
    public Subject roles(String... names) {
        return new Subject(id, List.of(names), attributes);
    }

    /**
     * {@return this subject with one attribute more}
     *
     * @param name the declared name without {@code subject.}
     * @param value text, number, boolean, time, duration, list or map
     */
    public Subject with(String name, Object value) {
        return new Subject(id, roles, Copies.with(attributes, name, value));
    }

    /** {@return the employee's number} */
    public String id() {
        return id;
    }

    /** {@return the roles held now} */
    public List<String> roles() {
        return roles;
    }

    /** {@return the attributes by declared name without {@code subject.}} */
    public Map<String, Object> attributes() {
        return attributes;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Subject
                && id.equals(((Subject) other).id)
                && roles.equals(((Subject) other).roles)
                && attributes.equals(((Subject) other).attributes);
    }

    @Override
    public int hashCode() {
        return Objects.hash(id, roles, attributes);
    }

    @Override
    public String toString() {
        return "Subject[" + id + "]";
    }
}
