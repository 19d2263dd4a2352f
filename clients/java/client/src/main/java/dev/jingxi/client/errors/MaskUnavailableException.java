package dev.jingxi.client.errors;

/** A mask that cannot be performed exactly as told. */
public final class MaskUnavailableException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public MaskUnavailableException(String message) {
        super("mask", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public MaskUnavailableException(String message, Throwable cause) {
        super("mask", message, cause);
    }
}
