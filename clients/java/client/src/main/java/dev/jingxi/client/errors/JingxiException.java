package dev.jingxi.client.errors;

/** Base of all that the client throws on purpose. */
public abstract class JingxiException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The stable code. */
    private final String code;

    /**
     * Makes it.
     *
     * @param code the stable code
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it, or null
     */
    protected JingxiException(String code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /** {@return the stable code of this kind of error, such as {@code unavailable}} */
    public final String code() {
        return code;
    }
}
