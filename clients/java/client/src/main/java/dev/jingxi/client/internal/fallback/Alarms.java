package dev.jingxi.client.internal.fallback;

import dev.jingxi.client.Alarm;

/** The caller's alarm, behind a log and safe from what it throws. */
public final class Alarms {
    private static final System.Logger LOG = System.getLogger(Alarms.class.getName());

    private final Alarm alarm;

    /** Makes it. */
    public Alarms(Alarm alarm) {
        this.alarm = alarm;
    }

    /** Logs, and tells the caller. */
    public void raise(Alarm.Kind kind, String message) {
        LOG.log(kind == Alarm.Kind.BREAKER_CLOSED ? System.Logger.Level.INFO : System.Logger.Level.WARNING, message);
        try {
            alarm.raise(kind, message);
        } catch (RuntimeException error) {
            LOG.log(System.Logger.Level.WARNING, "the alarm threw " + error.getClass().getName());
        }
    }
}
