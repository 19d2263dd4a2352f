package dev.jingxi.client.errors;

/** A client used after it was closed. */
public final class ClientClosedException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public ClientClosedException(String message) {
        super("closed", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public ClientClosedException(String message, Throwable cause) {
        super("closed", message, cause);
    }
}
