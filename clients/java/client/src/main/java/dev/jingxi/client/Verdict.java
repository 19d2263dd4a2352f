package dev.jingxi.client;

import java.util.Objects;
import java.util.Optional;

/** The answer for one field. */
public final class Verdict {
    private final String field;
    private final Optional<Mask> mask;
    private final Reason reason;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param field the field as it was asked about
     * @param mask how to mask it; empty when it may be shown as it is
     * @param reason why
     */
    public Verdict(String field, Mask mask, Reason reason) {
        this.field = field;
        this.mask = Optional.ofNullable(mask);
        this.reason = reason;
    }

    /** {@return the field as it was asked about} */
    public String field() {
        return field;
    }

    /** {@return how to mask it; empty when it may be shown as it is} */
    public Optional<Mask> mask() {
        return mask;
    }

    /** {@return why} */
    public Reason reason() {
        return reason;
    }

    /** {@return whether the field may be shown as it is} */
    public boolean isUnmasked() {
        return mask.isEmpty();
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Verdict)) {
            return false;
        }
        Verdict that = (Verdict) other;
        return field.equals(that.field)
                && mask.equals(that.mask)
                && reason.equals(that.reason);
    }

    @Override
    public int hashCode() {
        return Objects.hash(field, mask, reason);
    }

    @Override
    public String toString() {
        return "Verdict[" + "field=" + field + ", " + "mask=" + mask + ", " + "reason=" + reason + "]";
    }
}
