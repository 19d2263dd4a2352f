package dev.jingxi.client.internal.fallback;

import java.time.Duration;
import java.util.Random;
import java.util.function.LongSupplier;

/**
 * Stops asking after five failures in a row: for 1 s, doubling up to 30 s with up to 10 % jitter; then one call at a time is
 * tried, and the first success closes it.
 */
public final class Breaker {
    static final int FAILURES = 5;
    private static final long FIRST_NANOS = Duration.ofSeconds(1).toNanos();
    private static final long LONGEST_NANOS = Duration.ofSeconds(30).toNanos();

    private final LongSupplier clock;
    private final Random random;
    private final Runnable opened;
    private final Runnable closed;
    private int failures;
    private boolean open;
    private boolean trying;
    private long pause;
    private long tryAt;

    /** Makes a closed one. `clock` is in nanoseconds; `opened` and `closed` are told of changes. */
    public Breaker(LongSupplier clock, Random random, Runnable opened, Runnable closed) {
        this.clock = clock;
        this.random = random;
        this.opened = opened;
        this.closed = closed;
    }

    /** Returns whether to ask; who asks must then say how it went. */
    public synchronized boolean allows() {
        if (!open) {
            return true;
        }
        if (trying || clock.getAsLong() - tryAt < 0) {
            return false;
        }
        trying = true;
        return true;
    }

    /** The service answered, a refusal included. */
    public void succeeded() {
        boolean changed;
        synchronized (this) {
            changed = open;
            open = false;
            trying = false;
            failures = 0;
            pause = 0;
        }
        if (changed) {
            closed.run();
        }
    }

    /** No verdict could be had. */
    public void failed() {
        boolean changed = false;
        synchronized (this) {
            failures++;
            if (open ? trying : failures >= FAILURES) {
                changed = !open;
                open = true;
                trying = false;
                pause = pause == 0 ? FIRST_NANOS : Math.min(pause * 2, LONGEST_NANOS);
                tryAt = clock.getAsLong() + pause + (long) (pause * 0.1 * random.nextDouble());
            }
        }
        if (changed) {
            opened.run();
        }
    }

    /** Nothing was asked after all. */
    public synchronized void released() {
        trying = false;
    }

    /** Returns {@code closed}, {@code open} or {@code half_open}. */
    public synchronized String state() {
        return !open ? "closed" : trying || clock.getAsLong() - tryAt >= 0 ? "half_open" : "open";
    }
}
