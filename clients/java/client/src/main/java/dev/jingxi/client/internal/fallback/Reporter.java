package dev.jingxi.client.internal.fallback;

import dev.jingxi.client.Alarm;
import dev.jingxi.client.errors.AccessDeniedException;
import dev.jingxi.client.errors.ClientClosedException;
import dev.jingxi.client.errors.JingxiException;
import dev.jingxi.client.errors.RequestRejectedException;
import dev.jingxi.client.internal.net.StatusErrors;
import dev.jingxi.client.internal.net.Threads;
import dev.jingxi.client.internal.state.EventLog;
import io.grpc.Deadline;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Reports in the background what is in a log: at once after a successful call, else every 5 s. */
public final class Reporter implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Reporter.class.getName());
    private static final int COUNT = 100;
    private static final int BYTES = 192 * 1024;
    private static final long EVERY_SECONDS = 5;
    private static final long CALL_SECONDS = 5;

    private final EventLog log;
    private final Call call;
    private final Alarms alarms;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Thread thread;
    private boolean woken;
    private boolean closing;
    /** Where to go on when the service expects another number than the next one. */
    private long from;
    private volatile String problem;

    /** Sends payloads and returns the number through which all is recorded. */
    @FunctionalInterface
    public interface Call {
        /** Makes the call. Throws what {@code Connection.call} does. */
        long report(List<byte[]> payloads, Deadline end) throws IOException;
    }

    /** Starts it. */
    public Reporter(EventLog log, Call call, Alarms alarms) {
        this.log = log;
        this.call = call;
        this.alarms = alarms;
        // What an earlier process left is reported at the start, not after the first pause.
        this.woken = log.unreported() > 0;
        this.thread = Threads.named("jingxi-report").newThread(this::run);
        thread.start();
    }

    /** Says that the service answers, so that a report may succeed. */
    public void wake() {
        if (log.unreported() == 0) {
            return;
        }
        lock.lock();
        try {
            woken = true;
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Returns why the last report failed; null when it did not. */
    public String problem() {
        return problem;
    }

    private void run() {
        while (awaitWork()) {
            reportAll(CALL_SECONDS * 1_000);
        }
    }

    private boolean awaitWork() {
        lock.lock();
        try {
            if (!woken && !closing) {
                changed.await(EVERY_SECONDS, TimeUnit.SECONDS);
            }
            woken = false;
            return !closing;
        } catch (InterruptedException interrupted) {
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** Reports until nothing is left or a call fails. */
    private void reportAll(long millis) {
        Deadline last = Deadline.after(Math.max(millis, 30_000), TimeUnit.MILLISECONDS);
        while (log.unreported() > 0 && !last.isExpired() && !isClosing()) {
            if (!reportSome(Deadline.after(millis, TimeUnit.MILLISECONDS))) {
                return;
            }
        }
    }

    private boolean isClosing() {
        lock.lock();
        try {
            return closing;
        } finally {
            lock.unlock();
        }
    }

    private boolean reportSome(Deadline end) {
        try {
            List<byte[]> payloads = log.read(from, COUNT, BYTES);
            if (payloads.isEmpty()) {
                from = 0;
                return false;
            }
            long through = call.report(payloads, end);
            from = from == 0 ? 0 : through + 1;
            log.reported(through);
            problem = null;
            return true;
        } catch (ClientClosedException closed) {
            return false;
        } catch (JingxiException error) {
            Long expected = StatusErrors.expectedSequence(error.getCause());
            return expected == null ? failed(error) : goOn(expected);
        } catch (IOException error) {
            return failed(error);
        }
    }

    private boolean goOn(long expected) {
        try {
            if (expected > log.next() - log.unreported()) {
                log.skipTo(expected);
                from = 0;
            } else if (from == expected) {
                return false; // what was sent began with it, so that sending it again would go on for ever
            } else {
                from = expected;
            }
            return true;
        } catch (IOException error) {
            return failed(error);
        }
    }

    private boolean failed(Exception error) {
        String says = "records could not be reported and are kept: " + error.getMessage();
        boolean refused = error instanceof RequestRejectedException || error instanceof AccessDeniedException
                || error instanceof IOException;
        if (refused && problem == null) {
            alarms.raise(Alarm.Kind.REPORT_REFUSED, says);
        } else {
            LOG.log(System.Logger.Level.DEBUG, says);
        }
        problem = says;
        return false;
    }

    /** Tries once more for at most a second; the rest is reported at the next start. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (closing) {
                return;
            }
            closing = true;
            changed.signal();
        } finally {
            lock.unlock();
        }
        try {
            thread.join(1_000);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return;
        }
        Deadline end = Deadline.after(1, TimeUnit.SECONDS);
        while (!thread.isAlive() && log.unreported() > 0 && !end.isExpired() && reportSome(end)) {
            // Each round reports some.
        }
    }
}
