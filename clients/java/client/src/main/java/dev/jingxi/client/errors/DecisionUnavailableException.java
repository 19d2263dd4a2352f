package dev.jingxi.client.errors;

/** No verdict could be had: the service is away, too slow or failed. */
public class DecisionUnavailableException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /** The canonical gRPC code. */
    private final String status;

    /**
     * Makes it.
     *
     * @param message what is wrong
     * @param status the canonical gRPC code, such as {@code UNAVAILABLE} or {@code DEADLINE_EXCEEDED}
     * @param cause what led to it, or null
     */
    public DecisionUnavailableException(String message, String status, Throwable cause) {
        this("unavailable", message, status, cause);
    }

    /**
     * Makes one of a narrower kind.
     *
     * @param code the stable code
     * @param message what is wrong
     * @param status the canonical gRPC code
     * @param cause what led to it, or null
     */
    protected DecisionUnavailableException(String code, String message, String status, Throwable cause) {
        super(code, message, cause);
        this.status = status;
    }

    /** {@return the canonical gRPC code, such as {@code UNAVAILABLE} or {@code DEADLINE_EXCEEDED}} */
    public final String status() {
        return status;
    }
}
