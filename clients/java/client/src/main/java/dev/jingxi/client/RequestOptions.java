package dev.jingxi.client;

import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * What every question may carry. Immutable: each method returns a copy.
 *
 * @param <T> the kind of question
 */
public abstract class RequestOptions<T extends RequestOptions<T>> implements Cloneable {
    private final Subject subject;
    private Action action = Action.NONE;
    private Resource resource = Resource.NONE;
    private Map<String, Object> context = Map.of();
    private List<String> grantIds = List.of();
    private String requestId = "";
    private long minRevision;
    private long minGrantRevision;

    RequestOptions(Subject subject) {
        this.subject = subject;
    }

    /**
     * {@return this with what the employee is about to do}
     *
     * @param value the action
     */
    public T action(Action value) {
        T copy = copy();
        part(copy).action = value;
        return copy;
    }

    /**
     * {@return this with what is looked at; it wins over what a message says}
     *
     * @param value the resource
     */
    public T resource(Resource value) {
        T copy = copy();
        part(copy).resource = value;
        return copy;
    }

    /**
     * {@return this with one attribute of the context more}
     *
     * @param name the declared name without {@code context.}, such as {@code menu}
     * @param value text, number, boolean, time, duration, list or map
     */
    public T context(String name, Object value) {
        T copy = copy();
        part(copy).context = Copies.with(context, name, value);
        return copy;
    }

    /**
     * {@return this with further attributes of the context}
     *
     * @param attributes values by declared name without {@code context.}
     */
    public T context(Map<String, ?> attributes) {
        T copy = copy();
        for (Map.Entry<String, ?> entry : attributes.entrySet()) {
            part(copy).context = Copies.with(part(copy).context, entry.getKey(), entry.getValue());
        }
        return copy;
    }

    /**
     * {@return this with further authorisations for this view}
     *
     * @param ids ids of grants; at most 8 in all
     */
    public T grants(String... ids) {
        T copy = copy();
        part(copy).grantIds = Copies.joined(grantIds, List.of(ids));
        return copy;
    }

    /**
     * {@return this with a correlation of the caller's}
     *
     * @param id at most 128 bytes; a random one unless given
     */
    public T requestId(String id) {
        T copy = copy();
        part(copy).requestId = id;
        return copy;
    }

    /**
     * {@return this with the lowest revision that may answer}
     *
     * @param revision 0 for any
     */
    public T minRevision(long revision) {
        T copy = copy();
        part(copy).minRevision = revision;
        return copy;
    }

    /**
     * {@return this with the state of grants that the node must at least know}
     *
     * @param revision as the service told it; 0 for any
     */
    public T minGrantRevision(long revision) {
        T copy = copy();
        part(copy).minGrantRevision = revision;
        return copy;
    }

    /** {@return who asks} */
    public Subject subject() {
        return subject;
    }

    /** {@return what for} */
    public Action action() {
        return action;
    }

    /** {@return about what} */
    public Resource resource() {
        return resource;
    }

    /** {@return where and how} */
    public Map<String, Object> context() {
        return context;
    }

    /** {@return the authorisations} */
    public List<String> grantIds() {
        return grantIds;
    }

    /** {@return the correlation; a new random one each time when none was given} */
    public String requestId() {
        return requestId.isEmpty() ? UUID.randomUUID().toString().replace("-", "") : requestId;
    }

    /** {@return the lowest revision that may answer; 0 for any} */
    public long minRevision() {
        return minRevision;
    }

    /** {@return the state of grants that the node must at least know; 0 for any} */
    public long minGrantRevision() {
        return minGrantRevision;
    }

    /** The same object seen as this class, whose fields a subclass does not see. */
    private RequestOptions<T> part(T copy) {
        return copy;
    }

    @SuppressWarnings("unchecked")
    private T copy() {
        try {
            return (T) clone();
        } catch (CloneNotSupportedException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
