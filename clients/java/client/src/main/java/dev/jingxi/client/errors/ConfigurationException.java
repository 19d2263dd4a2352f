package dev.jingxi.client.errors;

/** A client set up wrongly. */
public final class ConfigurationException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public ConfigurationException(String message) {
        super("config", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public ConfigurationException(String message, Throwable cause) {
        super("config", message, cause);
    }
}
