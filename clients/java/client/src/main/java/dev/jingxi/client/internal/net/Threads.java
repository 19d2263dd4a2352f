package dev.jingxi.client.internal.net;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Threads that do not hold a process up. */
public final class Threads {
    private static final int ASYNC = 32;

    private Threads() {}

    /** Returns a factory of daemon threads. */
    public static ThreadFactory named(String name) {
        return work -> {
            Thread thread = new Thread(work, name);
            thread.setDaemon(true);
            return thread;
        };
    }

    /** Returns the threads for methods that return a future; they go when there is nothing to do. */
    public static ThreadPoolExecutor forFutures() {
        ThreadPoolExecutor executor = new ThreadPoolExecutor(
                ASYNC, ASYNC, 5, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), named("jingxi-async"));
        executor.allowCoreThreadTimeOut(true);
        return executor;
    }
}
