package dev.jingxi.client.errors;

/** A bundle that must not be used. */
public final class BundleException extends JingxiException {
    private static final long serialVersionUID = 1L;

    /** What is wrong with it. */
    private final String why;

    /**
     * Makes it.
     *
     * @param why {@code wrong_format}, {@code wrong_hash}, {@code unknown_key}, {@code bad_signature}, {@code goes_back} or
     *     {@code golden_case}
     * @param message what is wrong and how to mend it
     * @param cause what led to it, or null
     */
    public BundleException(String why, String message, Throwable cause) {
        super("bundle", message, cause);
        this.why = why;
    }

    /**
     * {@return what is wrong: {@code wrong_format}, {@code wrong_hash}, {@code unknown_key}, {@code bad_signature},
     * {@code goes_back} or {@code golden_case}}
     */
    public String why() {
        return why;
    }
}
