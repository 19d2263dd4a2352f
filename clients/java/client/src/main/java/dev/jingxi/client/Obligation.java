package dev.jingxi.client;

import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Something that the caller must do besides showing or masking. */
public final class Obligation {
    private final String type;
    private final Map<String, String> parameters;
    private final List<String> fields;
    private final String rule;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param type what to do, such as {@code alert} or {@code watermark}
     * @param parameters its parameters
     * @param fields the fields whose verdict carries it
     * @param rule the rule that asks for it
     */
    public Obligation(String type, Map<String, String> parameters, List<String> fields, String rule) {
        this.type = type;
        this.parameters = Copies.map(parameters);
        this.fields = List.copyOf(fields);
        this.rule = rule;
    }

    /** {@return what to do, such as {@code alert} or {@code watermark}} */
    public String type() {
        return type;
    }

    /** {@return its parameters} */
    public Map<String, String> parameters() {
        return parameters;
    }

    /** {@return the fields whose verdict carries it} */
    public List<String> fields() {
        return fields;
    }

    /** {@return the rule that asks for it} */
    public String rule() {
        return rule;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Obligation)) {
            return false;
        }
        Obligation that = (Obligation) other;
        return type.equals(that.type)
                && parameters.equals(that.parameters)
                && fields.equals(that.fields)
                && rule.equals(that.rule);
    }

    @Override
    public int hashCode() {
        return Objects.hash(type, parameters, fields, rule);
    }

    @Override
    public String toString() {
        return "Obligation[" + "type=" + type + ", " + "parameters=" + parameters + ", " + "fields=" + fields + ", " + "rule=" + rule + "]";
    }
}
