package dev.jingxi.client.errors;

/** The service's answer does not fit the question. */
public final class ProtocolException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public ProtocolException(String message) {
        super("protocol", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public ProtocolException(String message, Throwable cause) {
        super("protocol", message, cause);
    }
}
