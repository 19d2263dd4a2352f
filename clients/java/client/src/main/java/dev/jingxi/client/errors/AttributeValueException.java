package dev.jingxi.client.errors;

/** An attribute whose value has no form that can be sent. */
public final class AttributeValueException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     */
    public AttributeValueException(String message) {
        super("attribute", message, null);
    }

    /**
     * Makes it with its cause.
     *
     * @param message what is wrong and how to mend it, without a value of the message
     * @param cause what led to it
     */
    public AttributeValueException(String message, Throwable cause) {
        super("attribute", message, cause);
    }
}
