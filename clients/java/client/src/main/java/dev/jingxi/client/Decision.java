package dev.jingxi.client;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** The answer for one resource, verdicts in the order of the question. */
public final class Decision {
    private final String decisionId;
    private final String requestId;
    private final long revision;
    private final String policyHash;
    private final List<Verdict> verdicts;
    private final List<Obligation> obligations;
    private final List<Diagnostic> diagnostics;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param decisionId the service's name for it
     * @param requestId the correlation of the question
     * @param revision the revision that decided
     * @param policyHash the SHA-256 of the bundle that decided
     * @param verdicts the verdicts
     * @param obligations what to do besides
     * @param diagnostics what is noteworthy
     */
    public Decision(String decisionId, String requestId, long revision, String policyHash, List<Verdict> verdicts, List<Obligation> obligations, List<Diagnostic> diagnostics) {
        this.decisionId = decisionId;
        this.requestId = requestId;
        this.revision = revision;
        this.policyHash = policyHash;
        this.verdicts = List.copyOf(verdicts);
        this.obligations = List.copyOf(obligations);
        this.diagnostics = List.copyOf(diagnostics);
    }

    /** {@return the service's name for it} */
    public String decisionId() {
        return decisionId;
    }

    /** {@return the correlation of the question} */
    public String requestId() {
        return requestId;
    }

    /** {@return the revision that decided} */
    public long revision() {
        return revision;
    }

    /** {@return the SHA-256 of the bundle that decided} */
    public String policyHash() {
        return policyHash;
    }

    /** {@return the verdicts} */
    public List<Verdict> verdicts() {
        return verdicts;
    }

    /** {@return what to do besides} */
    public List<Obligation> obligations() {
        return obligations;
    }

    /** {@return what is noteworthy} */
    public List<Diagnostic> diagnostics() {
        return diagnostics;
    }

    /**
     * {@return the verdict of a field; empty when it was not asked about}
     *
     * @param field the field
     */
    public Optional<Verdict> verdict(String field) {
        return verdicts.stream().filter(v -> v.field().equals(field)).findFirst();
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Decision)) {
            return false;
        }
        Decision that = (Decision) other;
        return decisionId.equals(that.decisionId)
                && requestId.equals(that.requestId)
                && revision == that.revision
                && policyHash.equals(that.policyHash)
                && verdicts.equals(that.verdicts)
                && obligations.equals(that.obligations)
                && diagnostics.equals(that.diagnostics);
    }

    @Override
    public int hashCode() {
        return Objects.hash(decisionId, requestId, revision, policyHash, verdicts, obligations, diagnostics);
    }

    @Override
    public String toString() {
        return "Decision[" + "decisionId=" + decisionId + ", " + "requestId=" + requestId + ", " + "revision=" + revision + ", " + "policyHash=" + policyHash + ", " + "verdicts=" + verdicts + ", " + "obligations=" + obligations + ", " + "diagnostics=" + diagnostics + "]";
    }
}
