package dev.jingxi.client.errors;

/** The service does not accept this caller. */
public final class AccessDeniedException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public AccessDeniedException(String message) {
        super("access_denied", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public AccessDeniedException(String message, Throwable cause) {
        super("access_denied", message, cause);
    }
}
