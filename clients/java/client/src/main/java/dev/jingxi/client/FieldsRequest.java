package dev.jingxi.client;

import java.util.Collection;
import java.util.List;

/** A question about fields of one resource. */
public final class FieldsRequest extends RequestOptions<FieldsRequest> {
    private List<String> fields;

    private FieldsRequest(List<String> fields, Subject subject) {
        super(subject);
        this.fields = List.copyOf(fields);
    }

    /**
     * {@return a question}
     *
     * @param subject who asks
     * @param fields the fields of the dictionary; 1 to 512
     */
    public static FieldsRequest of(Subject subject, String... fields) {
        return new FieldsRequest(List.of(fields), subject);
    }

    /**
     * {@return this question about other fields}
     *
     * @param names the fields of the dictionary; 1 to 512
     */
    public FieldsRequest fields(Collection<String> names) {
        FieldsRequest copy = grants();
        copy.fields = List.copyOf(names);
        return copy;
    }

    /** {@return the fields in the order of the answer} */
    public List<String> fields() {
        return fields;
    }

    @Override
    public String toString() {
        return "FieldsRequest" + fields;
    }
}
