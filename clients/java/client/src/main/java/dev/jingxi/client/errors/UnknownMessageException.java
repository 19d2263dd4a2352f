package dev.jingxi.client.errors;

import java.util.List;

/** No message map for the named message. */
public final class UnknownMessageException extends RequestRejectedException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong
     * @param violations what is wrong where
     * @param cause what led to it, or null
     */
    public UnknownMessageException(String message, List<Violation> violations, Throwable cause) {
        super("unknown_message", message, violations, cause);
    }
}
