package dev.jingxi.client.internal;

import dev.jingxi.client.Alarm;
import dev.jingxi.client.ClientStatus;
import dev.jingxi.client.Decision;
import dev.jingxi.client.FieldsRequest;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import dev.jingxi.client.Metrics;
import dev.jingxi.client.errors.AccessDeniedException;
import dev.jingxi.client.errors.DecisionUnavailableException;
import dev.jingxi.client.errors.JingxiException;
import dev.jingxi.client.errors.PathException;
import dev.jingxi.client.errors.ProtocolException;
import dev.jingxi.client.errors.RequestRejectedException;
import dev.jingxi.client.internal.fallback.Alarms;
import dev.jingxi.client.internal.fallback.Fallbacks;
import dev.jingxi.client.internal.messages.MappedMessage;
import dev.jingxi.client.internal.messages.Maskers;
import dev.jingxi.client.internal.messages.Planner;
import dev.jingxi.client.internal.messages.Replies;
import dev.jingxi.client.internal.messages.Requests;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.client.internal.net.Threads;
import dev.jingxi.client.internal.state.Disk;
import dev.jingxi.client.internal.state.StateFolder;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.DecisionServiceGrpc;
import dev.jingxi.pdp.v1.FallbackCause;
import dev.jingxi.pdp.v1.Verdict;
import io.grpc.Deadline;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** The client that asks the service. */
public final class OnlineClient implements JingxiClient {
    private static final System.Logger LOG = System.getLogger(JingxiClient.class.getName());

    private final Connection connection;
    private final Maskers maskers;
    private final Metrics metrics;
    private final Duration deadline;
    private final Executor executor;
    private final ExecutorService ownExecutor;
    private final StateFolder folder;
    private final Fallbacks fallbacks;
    private final MessageMaps maps;

    /** Makes it. `stateFolder` and `executor` may be null. */
    public OnlineClient(Connection connection, KeyProvider keys, Path stateFolder, Alarm alarm, Metrics metrics,
            Duration deadline, Executor executor) {
        this(connection, keys, stateFolder, alarm, metrics, deadline, executor, new Disk(), Clock.systemUTC());
    }

    OnlineClient(Connection connection, KeyProvider keys, Path stateFolder, Alarm alarm, Metrics metrics,
            Duration deadline, Executor executor, Disk disk, Clock clock) {
        this.connection = connection;
        this.maskers = new Maskers(keys);
        this.metrics = metrics;
        this.deadline = deadline;
        this.ownExecutor = executor == null ? Threads.forFutures() : null;
        this.executor = executor == null ? ownExecutor : executor;
        try {
            this.folder = stateFolder == null ? null : new StateFolder(stateFolder, disk);
        } catch (RuntimeException error) {
            connection.close();
            throw error;
        }
        this.maps = new MessageMaps(folder);
        this.fallbacks = folder == null ? null : new Fallbacks(folder, connection, new Alarms(alarm), maskers, clock);
    }

    @Override
    public Masked mask(Object message, MaskRequest request) {
        return mask(message, request, end());
    }

    @Override
    public CompletableFuture<Masked> maskAsync(Object message, MaskRequest request) {
        Deadline end = end();
        return later(() -> mask(message, request, end));
    }

    @Override
    public Decision decide(FieldsRequest request) {
        return decide(request, end());
    }

    @Override
    public CompletableFuture<Decision> decideAsync(FieldsRequest request) {
        Deadline end = end();
        return later(() -> decide(request, end));
    }

    private <T> CompletableFuture<T> later(Supplier<T> work) {
        connection.checkOpen();
        return CompletableFuture.supplyAsync(work, executor);
    }

    private Decision decide(FieldsRequest request, Deadline end) {
        DecideRequest asked = Requests.decide(request, request.requestId());
        DecideResponse reply = connection.call(DecisionServiceGrpc.getDecideMethod(), asked, end);
        List<String> answered = new ArrayList<>();
        for (Verdict verdict : reply.getVerdictsList()) {
            answered.add(verdict.getField());
        }
        if (!answered.equals(request.fields())) {
            throw new ProtocolException("Decide answered about " + answered.size() + " fields, not the "
                    + request.fields().size() + " asked for in order");
        }
        if (fallbacks != null) {
            fallbacks.answered();
        }
        return Replies.decision(reply, asked.getRequestId());
    }

    private Masked mask(Object message, MaskRequest request, Deadline end) {
        long start = System.nanoTime();
        String outcome = "refused";
        try {
            String requestId = Requests.text("request_id", request.requestId());
            request.grantIds().forEach(id -> Requests.text("grant_ids", id));
            Masked masked = fallbacks == null
                    ? new Asking(connection, maps, request, requestId, end).masked(message, maskers)
                    : maskOrFallBack(message, request, requestId, end);
            outcome = masked.fallback().isPresent() ? "fallback" : "decided";
            masked.problems().forEach(problem -> LOG.log(System.Logger.Level.WARNING,
                    "request " + requestId + ", message " + request.name() + ": " + problem));
            return masked;
        } finally {
            metrics.message(outcome, Duration.ofNanos(System.nanoTime() - start));
        }
    }

    private Masked maskOrFallBack(Object message, MaskRequest request, String requestId, Deadline end) {
        connection.checkOpen();
        if (!fallbacks.breaker().allows()) {
            return fallBack(message, request, requestId, FallbackCause.FALLBACK_CAUSE_BREAKER_OPEN,
                    new DecisionUnavailableException("many calls before had failed", "UNAVAILABLE", null));
        }
        try {
            Masked masked = new Asking(connection, maps, request, requestId, end).masked(message, maskers);
            fallbacks.breaker().succeeded();
            fallbacks.answered();
            return masked;
        } catch (DecisionUnavailableException error) {
            if (Thread.currentThread().isInterrupted()) {
                fallbacks.breaker().released();
                throw error; // the caller gave up; the service did not fail
            }
            fallbacks.breaker().failed();
            return fallBack(message, request, requestId, cause(error.status()), error);
        } catch (ProtocolException | PathException error) {
            fallbacks.breaker().failed();
            return fallBack(message, request, requestId, FallbackCause.FALLBACK_CAUSE_BAD_ANSWER, error);
        } catch (RequestRejectedException | AccessDeniedException error) {
            fallbacks.breaker().succeeded();
            throw error;
        } catch (RuntimeException error) {
            fallbacks.breaker().released();
            throw error;
        }
    }

    private Masked fallBack(Object message, MaskRequest request, String requestId, FallbackCause cause,
            JingxiException error) {
        MappedMessage map = maps.latestKept(request.application(), request.name());
        if (map == null) {
            throw error; // without its map nobody knows where the message's fields are
        }
        return fallbacks.answer(message, Planner.plan(map, message, request), request, requestId, cause, error.getMessage());
    }

    private static FallbackCause cause(String status) {
        switch (status) {
            case "DEADLINE_EXCEEDED":
                return FallbackCause.FALLBACK_CAUSE_DEADLINE;
            case "RESOURCE_EXHAUSTED":
                return FallbackCause.FALLBACK_CAUSE_OVERLOAD;
            case "INTERNAL":
            case "UNKNOWN":
            case "DATA_LOSS":
            case "UNIMPLEMENTED":
                return FallbackCause.FALLBACK_CAUSE_BAD_ANSWER;
            default:
                return FallbackCause.FALLBACK_CAUSE_UNAVAILABLE;
        }
    }

    @Override
    public void prepare(String application, String name) {
        Asking.fetchMap(connection, maps, application, name, end());
    }

    @Override
    public void waitReady(Duration timeout) {
        connection.waitReady(timeout);
    }

    @Override
    public ClientStatus status() {
        return fallbacks == null ? new ClientStatus("", 0, 0, "", null)
                : new ClientStatus(fallbacks.breaker().state(), fallbacks.unreported(), 0, "", fallbacks.problem());
    }

    @Override
    public void close() {
        if (connection.isClosed()) {
            return;
        }
        if (fallbacks != null) {
            fallbacks.close();
        }
        connection.close();
        if (ownExecutor != null) {
            ownExecutor.shutdown();
        }
        if (folder != null) {
            folder.close();
        }
    }

    private Deadline end() {
        return Deadline.after(deadline.toNanos(), TimeUnit.NANOSECONDS);
    }
}
