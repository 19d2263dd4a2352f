package dev.jingxi.client;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A masked copy of a message, and what was decided about it. */
public final class Masked {
    private final Object message;
    private final List<PartDecision> decisions;
    private final String requestId;
    private final String policyHash;
    private final List<String> problems;
    private final Optional<Fallback> fallback;

    /**
     * Makes it.
     *
     * @param message the masked copy
     * @param decisions what was decided about each part
     * @param requestId the correlation
     * @param policyHash the policy set that decided
     * @param problems what did not go as the policy set wants it
     * @param fallback how it was answered without a verdict, or null
     */
    public Masked(Object message, List<PartDecision> decisions, String requestId, String policyHash,
            List<String> problems, Fallback fallback) {
        this.message = message;
        this.decisions = List.copyOf(decisions);
        this.requestId = requestId;
        this.policyHash = policyHash;
        this.problems = List.copyOf(problems);
        this.fallback = Optional.ofNullable(fallback);
    }

    /** {@return the masked copy: maps, lists, texts, numbers, booleans and null} */
    public Object message() {
        return message;
    }

    /**
     * {@return the masked copy of a message that is an object}
     *
     * @throws IllegalStateException when it is none
     */
    public Map<String, Object> messageAsMap() {
        if (!(message instanceof Map)) {
            throw new IllegalStateException("the masked message is not an object");
        }
        @SuppressWarnings("unchecked")
        Map<String, Object> map = (Map<String, Object>) message;
        return map;
    }

    /** {@return the decision about each resource in the message, in its order} */
    public List<PartDecision> decisions() {
        return decisions;
    }

    /** {@return the correlation of the question} */
    public String requestId() {
        return requestId;
    }

    /** {@return the SHA-256 of the policy set that decided, or whose map was used} */
    public String policyHash() {
        return policyHash;
    }

    /**
     * {@return what did not go as the policy set wants it, without any value: attributes that could not be read, masks
     * that this client cannot perform (their fields were dropped), items that could not be decided}
     */
    public List<String> problems() {
        return problems;
    }

    /** {@return how it was answered without a verdict; empty when there was one} */
    public Optional<Fallback> fallback() {
        return fallback;
    }

    /** {@return the obligations of all parts in order, equal ones once} */
    public List<Obligation> obligations() {
        Set<Obligation> found = new LinkedHashSet<>();
        for (PartDecision part : decisions) {
            part.decision().ifPresent(decision -> found.addAll(decision.obligations()));
        }
        return List.copyOf(new ArrayList<>(found));
    }

    /** {@return what it is, without the message} */
    @Override
    public String toString() {
        return "Masked[requestId=" + requestId + ", fallback=" + fallback.isPresent() + "]";
    }
}
