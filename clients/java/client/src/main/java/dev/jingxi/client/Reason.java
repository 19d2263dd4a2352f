package dev.jingxi.client;

import java.util.Objects;

/** Why a verdict is as it is. */
public final class Reason {
    private final String kind;
    private final String rule;
    private final Text title;
    private final String grantId;
    private final boolean undecided;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param kind {@code rule}, {@code default} (no rule spoke), {@code unknown_field} or empty
     * @param rule {@code policy/rule} for a rule, else empty
     * @param title the rule's title for people
     * @param grantId the grant under which the rule held; empty when it asks for none
     * @param undecided whether the rule masks because its condition could not be decided
     */
    public Reason(String kind, String rule, Text title, String grantId, boolean undecided) {
        this.kind = kind;
        this.rule = rule;
        this.title = title;
        this.grantId = grantId;
        this.undecided = undecided;
    }

    /** {@return {@code rule}, {@code default} (no rule spoke), {@code unknown_field} or empty} */
    public String kind() {
        return kind;
    }

    /** {@return {@code policy/rule} for a rule, else empty} */
    public String rule() {
        return rule;
    }

    /** {@return the rule's title for people} */
    public Text title() {
        return title;
    }

    /** {@return the grant under which the rule held; empty when it asks for none} */
    public String grantId() {
        return grantId;
    }

    /** {@return whether the rule masks because its condition could not be decided} */
    public boolean undecided() {
        return undecided;
    }

    /** Nothing is known about why. */
    public static final Reason NONE = new Reason("", "", Text.EMPTY, "", false);

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Reason)) {
            return false;
        }
        Reason that = (Reason) other;
        return kind.equals(that.kind)
                && rule.equals(that.rule)
                && title.equals(that.title)
                && grantId.equals(that.grantId)
                && undecided == that.undecided;
    }

    @Override
    public int hashCode() {
        return Objects.hash(kind, rule, title, grantId, undecided);
    }

    @Override
    public String toString() {
        return "Reason[" + "kind=" + kind + ", " + "rule=" + rule + ", " + "title=" + title + ", " + "grantId=" + grantId + ", " + "undecided=" + undecided + "]";
    }
}
