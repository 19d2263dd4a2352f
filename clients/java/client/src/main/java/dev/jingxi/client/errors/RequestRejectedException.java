package dev.jingxi.client.errors;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The service found the question wrong. */
public class RequestRejectedException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /** What is wrong where. */
    private final ArrayList<Violation> violations;

    /**
     * Makes it.
     *
     * @param message what is wrong
     * @param violations what is wrong where
     * @param cause what led to it, or null
     */
    public RequestRejectedException(String message, List<Violation> violations, Throwable cause) {
        this("invalid_request", message, violations, cause);
    }

    /**
     * Makes one of a narrower kind.
     *
     * @param code the stable code
     * @param message what is wrong
     * @param violations what is wrong where
     * @param cause what led to it, or null
     */
    protected RequestRejectedException(String code, String message, List<Violation> violations, Throwable cause) {
        super(code, message, cause);
        this.violations = new ArrayList<>(violations);
    }

    /** {@return what is wrong where; empty when the service did not say} */
    public final List<Violation> violations() {
        return Collections.unmodifiableList(violations);
    }
}
