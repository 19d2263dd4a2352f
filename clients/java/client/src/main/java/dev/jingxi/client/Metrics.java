package dev.jingxi.client;

import java.time.Duration;

/** Told of every call and every message. Called by the thread that made it, so return soon. */
public interface Metrics {
    /** A hook that does nothing. */
    Metrics NONE = new Metrics() {};

    /**
     * A call ended, its retries included.
     *
     * @param method such as {@code Decide}
     * @param status the canonical gRPC code, such as {@code OK}
     * @param time how long it took
     */
    default void call(String method, String status, Duration time) {}

    /**
     * A message was answered.
     *
     * @param outcome {@code decided}, {@code fallback} or {@code refused} (an exception)
     * @param time how long it took, masking included
     */
    default void message(String outcome, Duration time) {}
}
