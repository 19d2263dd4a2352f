package dev.jingxi.client.errors;

/** A path of a message map that cannot be read. */
public final class PathException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public PathException(String message) {
        super("path", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public PathException(String message, Throwable cause) {
        super("path", message, cause);
    }
}
