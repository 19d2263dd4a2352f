package dev.jingxi.client;

import java.util.List;
import java.util.Objects;

/** Something noteworthy about a decision. */
public final class Diagnostic {
    private final String code;
    private final String message;
    private final String subject;
    private final List<String> attributes;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param code what it is about, such as {@code undecided_rule}
     * @param message a sentence for logs
     * @param subject the field, attribute, rule or grant it is about
     * @param attributes the attributes that an undecided rule lacks
     */
    public Diagnostic(String code, String message, String subject, List<String> attributes) {
        this.code = code;
        this.message = message;
        this.subject = subject;
        this.attributes = List.copyOf(attributes);
    }

    /** {@return what it is about, such as {@code undecided_rule}} */
    public String code() {
        return code;
    }

    /** {@return a sentence for logs} */
    public String message() {
        return message;
    }

    /** {@return the field, attribute, rule or grant it is about} */
    public String subject() {
        return subject;
    }

    /** {@return the attributes that an undecided rule lacks} */
    public List<String> attributes() {
        return attributes;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Diagnostic)) {
            return false;
        }
        Diagnostic that = (Diagnostic) other;
        return code.equals(that.code)
                && message.equals(that.message)
                && subject.equals(that.subject)
                && attributes.equals(that.attributes);
    }

    @Override
    public int hashCode() {
        return Objects.hash(code, message, subject, attributes);
    }

    @Override
    public String toString() {
        return "Diagnostic[" + "code=" + code + ", " + "message=" + message + ", " + "subject=" + subject + ", " + "attributes=" + attributes + "]";
    }
}
