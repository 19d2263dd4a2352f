package dev.jingxi.client.internal.net;

import dev.jingxi.client.Metrics;
import dev.jingxi.client.errors.ClientClosedException;
import dev.jingxi.client.errors.DecisionUnavailableException;
import dev.jingxi.pdp.v1.BundleServiceGrpc;
import dev.jingxi.pdp.v1.DecisionServiceGrpc;
import dev.jingxi.pdp.v1.FallbackServiceGrpc;
import io.grpc.CallCredentials;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ConnectivityState;
import io.grpc.Deadline;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The channel to the service: retries, balancing and health checks as every client of Jingxi has them. */
public final class Connection implements AutoCloseable {
    private static final int MAX_MESSAGE = 8 * 1024 * 1024;
    private static final Map<String, ?> SERVICE_CONFIG = Map.of(
            "loadBalancingConfig", List.of(Map.of("round_robin", Map.of())),
            "healthCheckConfig", Map.of("serviceName", ""),
            "methodConfig", List.of(Map.of(
                    "name", List.of(
                            Map.of("service", DecisionServiceGrpc.SERVICE_NAME),
                            Map.of("service", FallbackServiceGrpc.SERVICE_NAME),
                            Map.of("service", BundleServiceGrpc.SERVICE_NAME, "method", "ReportDecisions")),
                    "retryPolicy", Map.of(
                            "maxAttempts", 3.0,
                            "initialBackoff", "0.02s",
                            "maxBackoff", "0.1s",
                            "backoffMultiplier", 2.0,
                            "retryableStatusCodes", List.of("UNAVAILABLE")))),
            // After many failures in a row calls are no longer repeated, so that clients do not hold a service down.
            "retryThrottling", Map.of("maxTokens", 100.0, "tokenRatio", 0.1));

    private final ManagedChannel channel;
    private final Channel intercepted;
    private final CallOptions options;
    private final Metrics metrics;
    private final ScheduledExecutorService reconnecting;
    private volatile boolean closed;

    /** Opens it; nothing is sent before the first call. */
    public Connection(Targets targets, ChannelCredentials credentials, CallCredentials token,
            List<ClientInterceptor> interceptors, Metrics metrics) {
        this.channel = Grpc.newChannelBuilder(targets.forGrpc(), credentials)
                .defaultServiceConfig(SERVICE_CONFIG)
                .disableServiceConfigLookUp()
                // Decisions must not wander through a web proxy that the environment happens to name.
                .proxyDetector(address -> null)
                // A peer that vanished without a word is noticed.
                .keepAliveTime(30, TimeUnit.SECONDS)
                .keepAliveTimeout(5, TimeUnit.SECONDS)
                .maxInboundMessageSize(MAX_MESSAGE)
                .build();
        this.intercepted = ClientInterceptors.intercept(channel, interceptors);
        this.options = token == null ? CallOptions.DEFAULT : CallOptions.DEFAULT.withCallCredentials(token);
        this.metrics = metrics;
        this.reconnecting = reconnecting(channel);
    }

    /** A node that comes back is used within 2 s: gRPC for Java waits up to 2 minutes, and offers only this to change it. */
    private static ScheduledExecutorService reconnecting(ManagedChannel channel) {
        ScheduledThreadPoolExecutor executor = new ScheduledThreadPoolExecutor(1, Threads.named("jingxi-reconnect"));
        executor.scheduleWithFixedDelay(channel::resetConnectBackoff, 1_500, 1_500, TimeUnit.MILLISECONDS);
        return executor;
    }

    /** Makes a call. Throws what the answer stands for. */
    public <Q, A> A call(MethodDescriptor<Q, A> method, Q request, Deadline end) {
        checkOpen();
        String name = method.getBareMethodName();
        if (end.isExpired()) {
            throw new DecisionUnavailableException("the deadline passed before " + name, "DEADLINE_EXCEEDED", null);
        }
        long start = System.nanoTime();
        String status = "OK";
        try {
            return ClientCalls.blockingUnaryCall(intercepted, method, options.withDeadline(end), request);
        } catch (StatusRuntimeException error) {
            status = error.getStatus().getCode().name();
            checkOpen();
            throw StatusErrors.of(error, name);
        } finally {
            metrics.call(name, status, Duration.ofNanos(System.nanoTime() - start));
        }
    }

    /** Begins a stream of answers; the iterator throws StatusRuntimeException. */
    public <Q, A> Iterator<A> stream(MethodDescriptor<Q, A> method, Q request) {
        checkOpen();
        return ClientCalls.blockingServerStreamingCall(intercepted, method, options, request);
    }

    /** Waits until a node can be reached. Throws DecisionUnavailableException. */
    public void waitReady(Duration timeout) {
        checkOpen();
        CountDownLatch ready = new CountDownLatch(1);
        watch(channel.getState(true), ready);
        try {
            if (!ready.await(timeout.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new DecisionUnavailableException("no node could be reached within " + timeout, "UNAVAILABLE", null);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new DecisionUnavailableException("interrupted while waiting for a node", "CANCELLED", interrupted);
        }
        checkOpen();
    }

    private void watch(ConnectivityState state, CountDownLatch ready) {
        if (state == ConnectivityState.READY || state == ConnectivityState.SHUTDOWN) {
            ready.countDown();
        } else if (ready.getCount() > 0) {
            channel.notifyWhenStateChanged(state, () -> watch(channel.getState(true), ready));
        }
    }

    /** Throws ClientClosedException when it is closed. */
    public void checkOpen() {
        if (closed) {
            throw new ClientClosedException("the client is closed; make a new one");
        }
    }

    /** Returns whether it is closed. */
    public boolean isClosed() {
        return closed;
    }

    @Override
    public void close() {
        closed = true;
        reconnecting.shutdownNow();
        channel.shutdownNow();
        try {
            channel.awaitTermination(1, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
