package dev.jingxi.client;

import java.util.Optional;

/** How a client is doing. */
public final class ClientStatus {
    private final String breaker;
    private final long unreported;
    private final long revision;
    private final String policyHash;
    private final String problem;

    /**
     * Makes it.
     *
     * @param breaker {@code closed}, {@code open} or {@code half_open}; empty without a failure rule
     * @param unreported how many records the service has not taken yet
     * @param revision the revision of the bundle in use; 0 online
     * @param policyHash its hash; empty online
     * @param problem why a newer bundle is not used, or why records are not taken; or null
     */
    public ClientStatus(String breaker, long unreported, long revision, String policyHash, String problem) {
        this.breaker = breaker;
        this.unreported = unreported;
        this.revision = revision;
        this.policyHash = policyHash;
        this.problem = problem;
    }

    /** {@return {@code closed}, {@code open} or {@code half_open}; empty without a failure rule} */
    public String breaker() {
        return breaker;
    }

    /** {@return how many records the service has not taken yet} */
    public long unreported() {
        return unreported;
    }

    /** {@return the revision of the bundle in use; 0 online} */
    public long revision() {
        return revision;
    }

    /** {@return the hash of the bundle in use; empty online} */
    public String policyHash() {
        return policyHash;
    }

    /** {@return why a newer bundle is not used, or why records are not taken; empty when all is well} */
    public Optional<String> problem() {
        return Optional.ofNullable(problem);
    }

    @Override
    public String toString() {
        return "ClientStatus[breaker=" + breaker + ", unreported=" + unreported + ", revision=" + revision
                + ", problem=" + problem + "]";
    }
}
