package dev.jingxi.client.errors;

/** The message is not shaped as its map says, so that parts of it could slip through unmasked. */
public final class MessageMismatchException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public MessageMismatchException(String message) {
        super("mismatch", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public MessageMismatchException(String message, Throwable cause) {
        super("mismatch", message, cause);
    }
}
