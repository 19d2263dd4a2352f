package dev.jingxi.client;

import java.util.Objects;
import java.util.Optional;

/** The decision about the message's own fields, or about one item of a list. */
public final class PartDecision {
    private final String part;
    private final String place;
    private final Optional<Decision> decision;
    private final String error;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param part the list; empty for the message itself
     * @param place where, such as {@code $.accounts[2]}
     * @param decision the decision; empty when the service could not decide this item alone, which was then masked in full, and when the message is a fallback
     * @param error why there is no decision; else empty
     */
    public PartDecision(String part, String place, Decision decision, String error) {
        this.part = part;
        this.place = place;
        this.decision = Optional.ofNullable(decision);
        this.error = error;
    }

    /** {@return the list; empty for the message itself} */
    public String part() {
        return part;
    }

    /** {@return where, such as {@code $.accounts[2]}} */
    public String place() {
        return place;
    }

    /** {@return the decision; empty when the service could not decide this item alone, which was then masked in full, and when the message is a fallback} */
    public Optional<Decision> decision() {
        return decision;
    }

    /** {@return why there is no decision; else empty} */
    public String error() {
        return error;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof PartDecision)) {
            return false;
        }
        PartDecision that = (PartDecision) other;
        return part.equals(that.part)
                && place.equals(that.place)
                && decision.equals(that.decision)
                && error.equals(that.error);
    }

    @Override
    public int hashCode() {
        return Objects.hash(part, place, decision, error);
    }

    @Override
    public String toString() {
        return "PartDecision[" + "part=" + part + ", " + "place=" + place + ", " + "decision=" + decision + ", " + "error=" + error + "]";
    }
}
