package dev.jingxi.client;

import java.util.List;
import java.util.Objects;

/** How a message was answered without a verdict, by the failure rule of its policy set. */
public final class Fallback {
    private final String cause;
    private final String detail;
    private final List<String> passed;
    private final boolean recorded;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param cause {@code unavailable}, {@code deadline}, {@code bad_answer}, {@code breaker_open} or {@code overload}
     * @param detail what is known about the cause
     * @param passed the fields that are shown as they are
     * @param recorded whether the event is on the disk; when it is not, no field passed
     */
    public Fallback(String cause, String detail, List<String> passed, boolean recorded) {
        this.cause = cause;
        this.detail = detail;
        this.passed = List.copyOf(passed);
        this.recorded = recorded;
    }

    /** {@return {@code unavailable}, {@code deadline}, {@code bad_answer}, {@code breaker_open} or {@code overload}} */
    public String cause() {
        return cause;
    }

    /** {@return what is known about the cause} */
    public String detail() {
        return detail;
    }

    /** {@return the fields that are shown as they are} */
    public List<String> passed() {
        return passed;
    }

    /** {@return whether the event is on the disk; when it is not, no field passed} */
    public boolean recorded() {
        return recorded;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Fallback)) {
            return false;
        }
        Fallback that = (Fallback) other;
        return cause.equals(that.cause)
                && detail.equals(that.detail)
                && passed.equals(that.passed)
                && recorded == that.recorded;
    }

    @Override
    public int hashCode() {
        return Objects.hash(cause, detail, passed, recorded);
    }

    @Override
    public String toString() {
        return "Fallback[" + "cause=" + cause + ", " + "detail=" + detail + ", " + "passed=" + passed + ", " + "recorded=" + recorded + "]";
    }
}
