package dev.jingxi.client.errors;

/** A bundle that must not be used. */
public final class BundleException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public BundleException(String message) {
        super("bundle", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public BundleException(String message, Throwable cause) {
        super("bundle", message, cause);
    }
}
