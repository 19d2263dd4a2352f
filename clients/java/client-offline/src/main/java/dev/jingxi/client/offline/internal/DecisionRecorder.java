package dev.jingxi.client.offline.internal;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.jingxi.client.internal.fallback.Alarms;
import dev.jingxi.client.internal.fallback.LogAlarms;
import dev.jingxi.client.internal.fallback.Reporter;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.client.internal.net.Threads;
import dev.jingxi.client.internal.state.EventLog;
import dev.jingxi.client.internal.state.StateFolder;
import dev.jingxi.pdp.v1.BundleServiceGrpc;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.OfflineDecision;
import dev.jingxi.pdp.v1.ReportDecisionsRequest;
import io.grpc.Deadline;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongFunction;

/** Records every decision in the state folder, and reports it. */
final class DecisionRecorder implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(DecisionRecorder.class.getName());
    private static final long FLUSH_MILLIS = 50;

    private final EventLog log;
    private final String clientId;
    private final Reporter reporter;
    private final ScheduledThreadPoolExecutor flusher;

    /** `connection` null: nothing is reported. */
    DecisionRecorder(StateFolder folder, Connection connection, Alarms alarms, boolean async) {
        this.clientId = folder.clientId();
        this.log = folder.log("decisions", new DecisionKind(), new LogAlarms(alarms));
        this.reporter = connection == null ? null
                : new Reporter(log, (payloads, end) -> report(connection, payloads, end), alarms);
        this.flusher = async ? new ScheduledThreadPoolExecutor(1, Threads.named("jingxi-flush")) : null;
        if (flusher != null) {
            flusher.scheduleWithFixedDelay(this::flush, FLUSH_MILLIS, FLUSH_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    private void flush() {
        try {
            log.flush();
        } catch (IOException error) {
            LOG.log(System.Logger.Level.WARNING, "decisions that unmasked nothing could not be recorded: " + error);
        }
    }

    private long report(Connection connection, List<byte[]> payloads, Deadline end) throws IOException {
        ReportDecisionsRequest.Builder request = ReportDecisionsRequest.newBuilder().setClientId(clientId);
        for (byte[] payload : payloads) {
            request.addDecisions(OfflineDecision.parseFrom(payload));
        }
        return connection.call(BundleServiceGrpc.getReportDecisionsMethod(), request.build(), end).getRecordedThrough();
    }

    /** Records decisions and returns the id of each. Throws IOException when they cannot be recorded. */
    List<String> record(List<DecideRequest> requests, List<Answer> answers, long timeNanos, boolean wait)
            throws IOException {
        List<LongFunction<byte[]>> payloads = new ArrayList<>(requests.size());
        long[] first = {0};
        for (int i = 0; i < requests.size(); i++) {
            DecideRequest request = requests.get(i);
            Answer answer = answers.get(i);
            payloads.add(number -> {
                first[0] = first[0] == 0 ? number : first[0];
                OfflineDecision begun = OfflineDecision.newBuilder().setSequence(number).setTimeNanos(timeNanos)
                        .setRequest(request).build();
                return answer.record(begun, clientId + "-" + number);
            });
        }
        if (wait) {
            log.append(payloads);
        } else {
            log.appendLater(payloads);
        }
        List<String> ids = new ArrayList<>(requests.size());
        for (int i = 0; i < requests.size(); i++) {
            ids.add(clientId + "-" + (first[0] + i));
        }
        return ids;
    }

    long unreported() {
        return log.unreported();
    }

    String problem() {
        return reporter == null ? null : reporter.problem();
    }

    void wake() {
        if (reporter != null) {
            reporter.wake();
        }
    }

    @Override
    public void close() {
        if (flusher != null) {
            // Not shutdownNow: a thread that is interrupted while it writes closes the file under everybody.
            flusher.shutdown();
            flush();
        }
        if (reporter != null) {
            reporter.close();
        }
        try {
            log.close();
        } catch (IOException error) {
            LOG.log(System.Logger.Level.WARNING, "the log of decisions could not be closed: " + error);
        }
    }

    private static final class DecisionKind implements EventLog.Kind {
        @Override
        public long sequence(byte[] payload) {
            try {
                return OfflineDecision.parseFrom(payload).getSequence();
            } catch (InvalidProtocolBufferException none) {
                return 0;
            }
        }

        @Override
        public byte[] lost(long sequence) {
            return OfflineDecision.newBuilder().setSequence(sequence).build().toByteArray();
        }
    }
}
