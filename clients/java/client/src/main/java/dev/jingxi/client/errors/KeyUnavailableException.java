package dev.jingxi.client.errors;

/** A key that is there and cannot be used. */
public final class KeyUnavailableException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public KeyUnavailableException(String message) {
        super("key", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public KeyUnavailableException(String message, Throwable cause) {
        super("key", message, cause);
    }
}
