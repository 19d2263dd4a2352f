package dev.jingxi.client.internal.fallback;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.LongSupplier;

/** Tells when more messages fell back within a time than is normal, once in that time. */
final class FallbackRate {
    private final LongSupplier clock;
    private final Deque<Long> times = new ArrayDeque<>();
    private boolean told;
    private long toldAt;

    FallbackRate(LongSupplier clock) {
        this.clock = clock;
    }

    /** Counts a message, and returns whether to raise the alarm; 0 events or seconds never do. */
    synchronized boolean count(int events, int seconds) {
        if (events <= 0 || seconds <= 0) {
            return false;
        }
        long now = clock.getAsLong();
        long span = seconds * 1_000_000_000L;
        times.addLast(now);
        while (times.size() > events + 1 || now - times.getFirst() > span) {
            times.removeFirst();
        }
        if (times.size() <= events || told && now - toldAt < span) {
            return false;
        }
        told = true;
        toldAt = now;
        return true;
    }
}
