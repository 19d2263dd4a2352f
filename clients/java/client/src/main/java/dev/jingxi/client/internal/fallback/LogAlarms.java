package dev.jingxi.client.internal.fallback;

import dev.jingxi.client.Alarm;
import dev.jingxi.client.internal.state.EventLog;

/** Raises the alarm for what a log tells. */
public final class LogAlarms implements EventLog.Watcher {
    private final Alarms alarms;

    /** Makes it. */
    public LogAlarms(Alarms alarms) {
        this.alarms = alarms;
    }

    @Override
    public void filling(String message) {
        alarms.raise(Alarm.Kind.SPOOL_FILLING, message);
    }

    @Override
    public void damaged(String message) {
        alarms.raise(Alarm.Kind.SPOOL_DAMAGED, message);
    }
}
