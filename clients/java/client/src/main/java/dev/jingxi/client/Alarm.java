package dev.jingxi.client;

/**
 * Told of what somebody should look at. Called by the thread that found it, so return soon; what it throws is logged and
 * has no effect.
 */
@FunctionalInterface
public interface Alarm {
    /** What an alarm is about. */
    enum Kind {
        /** Calls failed five times in a row; the client asks no more for a while. */
        BREAKER_OPENED,
        /** The service answers again. */
        BREAKER_CLOSED,
        /** More messages fell back than the policy set finds normal. */
        MANY_FALLBACKS,
        /** An event could not be written, so that nothing passed. */
        NOT_RECORDED,
        /** The state folder is more than half full. */
        SPOOL_FILLING,
        /** Records in the state folder are damaged and lost. */
        SPOOL_DAMAGED,
        /** The service does not take what is reported. */
        REPORT_REFUSED,
        /** A bundle was refused; the one in use stays. */
        BUNDLE_REFUSED
    }

    /**
     * Takes an alarm.
     *
     * @param kind what it is about
     * @param message a sentence for people, without a value of a message
     */
    void raise(Kind kind, String message);
}
