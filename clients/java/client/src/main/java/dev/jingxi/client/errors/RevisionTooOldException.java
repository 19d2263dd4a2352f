package dev.jingxi.client.errors;

/** The node that answered has an older revision than {@code minRevision} asks for. */
public final class RevisionTooOldException extends DecisionUnavailableException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes it.
     *
     * @param message what is wrong
     * @param status the canonical gRPC code
     * @param cause what led to it, or null
     */
    public RevisionTooOldException(String message, String status, Throwable cause) {
        super("stale_revision", message, status, cause);
    }
}
