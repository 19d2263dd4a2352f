package dev.jingxi.client.offline.internal;

import dev.jingxi.client.Alarm;
import dev.jingxi.client.ClientStatus;
import dev.jingxi.client.Decision;
import dev.jingxi.client.FieldsRequest;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import dev.jingxi.client.PartDecision;
import dev.jingxi.client.errors.ClientClosedException;
import dev.jingxi.client.errors.DecisionUnavailableException;
import dev.jingxi.client.errors.UnknownMessageException;
import dev.jingxi.client.errors.Violation;
import dev.jingxi.client.internal.fallback.Alarms;
import dev.jingxi.client.internal.messages.MappedMessage;
import dev.jingxi.client.internal.messages.MaskedCopy;
import dev.jingxi.client.internal.messages.Maskers;
import dev.jingxi.client.internal.messages.Plan;
import dev.jingxi.client.internal.messages.Planner;
import dev.jingxi.client.internal.messages.Question;
import dev.jingxi.client.internal.messages.Requests;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.client.internal.net.Threads;
import dev.jingxi.client.internal.state.Disk;
import dev.jingxi.client.internal.state.StateFolder;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.Diagnostic;
import dev.jingxi.pdp.v1.DiagnosticCode;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;

/** The client that decides by a bundle. */
public final class BundleClient implements JingxiClient {
    private static final System.Logger LOG = System.getLogger(JingxiClient.class.getName());

    private final OfflineSettings settings;
    private final Connection connection;
    private final StateFolder folder;
    private final Alarms alarms;
    private final Maskers maskers;
    private final BundleHolder holder;
    private final DecisionRecorder recorder;
    private final AutoCloseable source;
    private final ExecutorService ownExecutor;
    private final Executor executor;
    private volatile boolean closed;

    /** Makes it. `connection` null: bundles come from the file alone, and nothing is reported. */
    public BundleClient(Connection connection, Trust trust, OfflineSettings settings) {
        this(connection, trust, settings, new Disk());
    }

    BundleClient(Connection connection, Trust trust, OfflineSettings settings, Disk disk) {
        this.settings = settings;
        this.connection = connection;
        try {
            this.folder = new StateFolder(settings.stateFolder, disk);
        } catch (RuntimeException error) {
            if (connection != null) {
                connection.close();
            }
            throw error;
        }
        this.alarms = new Alarms(settings.alarm);
        this.maskers = Maskers.lasting(settings.keys);
        this.holder = new BundleHolder(folder, trust, alarms);
        this.recorder = new DecisionRecorder(folder, connection, alarms, settings.async);
        this.ownExecutor = settings.executor == null ? Threads.forFutures() : null;
        this.executor = settings.executor == null ? ownExecutor : settings.executor;
        this.source = settings.bundleFile != null
                ? new FileSource(settings.bundleFile, holder) : new WatchSource(connection, holder);
    }

    @Override
    public Masked mask(Object message, MaskRequest request) {
        long start = System.nanoTime();
        String outcome = "refused";
        try {
            Masked masked = masked(message, request);
            outcome = "decided";
            return masked;
        } finally {
            settings.metrics.message(outcome, Duration.ofNanos(System.nanoTime() - start));
        }
    }

    private Masked masked(Object message, MaskRequest request) {
        LoadedBundle bundle = bundle();
        MappedMessage map = bundle.map(request.application(), request.name());
        if (map == null) {
            String shown = request.application() + " " + request.name();
            throw new UnknownMessageException("the bundle has no message map for `" + shown + "`",
                    List.of(new Violation("message", "no message map for `" + shown + "`")), null);
        }
        String requestId = Requests.text("request_id", request.requestId());
        Plan plan = Planner.plan(map, message, request);
        List<DecideRequest> asked = new ArrayList<>();
        for (Question question : plan.questions()) {
            asked.add(DecideRequest.newBuilder()
                    .setRequestId(requestId)
                    .setSubject(plan.subject())
                    .setAction(plan.action())
                    .setResource(question.resource())
                    .putAllContext(plan.context())
                    .setMessage(question.reference())
                    .addAllGrantIds(request.grantIds())
                    .setMinRevision(request.minRevision())
                    .setMinGrantRevision(request.minGrantRevision())
                    .build());
        }
        List<String> problems = new ArrayList<>(plan.problems());
        List<Decision> decisions = decide(bundle, asked, problems);
        List<PartDecision> parts = new ArrayList<>();
        for (int i = 0; i < decisions.size(); i++) {
            Question question = plan.questions().get(i);
            parts.add(new PartDecision(question.part(), question.place().toString(), decisions.get(i), ""));
        }
        MaskedCopy copy = new MaskedCopy(message, maskers);
        copy.apply(plan, decisions);
        Object shown = copy.finish();
        problems.addAll(copy.problems());
        problems.forEach(problem -> LOG.log(System.Logger.Level.WARNING,
                "request " + requestId + ", message " + request.name() + ": " + problem));
        return new Masked(shown, parts, requestId, bundle.decider().hash(), problems, null);
    }

    @Override
    public Decision decide(FieldsRequest request) {
        LoadedBundle bundle = bundle();
        List<String> problems = new ArrayList<>();
        Decision decision = decide(bundle, List.of(Requests.decide(request, request.requestId())), problems).get(0);
        problems.forEach(problem -> LOG.log(System.Logger.Level.WARNING, problem));
        return decision;
    }

    /** Decides and records. When it cannot be recorded, nothing is unmasked. */
    private List<Decision> decide(LoadedBundle bundle, List<DecideRequest> asked, List<String> problems) {
        Instant now = Instant.now();
        List<Answer> answers = new ArrayList<>(asked.size());
        boolean shows = false;
        for (DecideRequest request : asked) {
            Answer answer = withAge(bundle.decider().decide(request, now, id -> null));
            answers.add(answer);
            shows |= answer.shows();
        }
        List<Decision> decisions = new ArrayList<>(asked.size());
        try {
            long nanos = now.getEpochSecond() * 1_000_000_000L + now.getNano();
            List<String> ids = asked.isEmpty() ? List.of()
                    : recorder.record(asked, answers, nanos, !settings.async || shows && !settings.asyncAlways);
            for (int i = 0; i < ids.size(); i++) {
                decisions.add(answers.get(i).decision(ids.get(i)));
            }
        } catch (IOException error) {
            String says = "decisions could not be recorded, so nothing is unmasked: " + error;
            alarms.raise(Alarm.Kind.NOT_RECORDED, says);
            problems.add(says);
            asked.forEach(request -> decisions.add(bundle.decider().masked(request).decision("")));
        }
        recorder.wake();
        return decisions;
    }

    private Answer withAge(Answer answer) {
        if (settings.maxAge == null || holder.age().compareTo(settings.maxAge) <= 0) {
            return answer;
        }
        return answer.with(Diagnostic.newBuilder()
                .setCode(DiagnosticCode.DIAGNOSTIC_CODE_STALE_POLICIES)
                .setMessage("the bundle was last confirmed " + holder.age().toSeconds() + " s ago").build());
    }

    private LoadedBundle bundle() {
        if (closed) {
            throw new ClientClosedException("the client is closed; make a new one");
        }
        LoadedBundle bundle = holder.current();
        if (bundle == null) {
            String why = holder.problem() == null ? "none has come yet" : holder.problem();
            throw new DecisionUnavailableException("there is no bundle to decide by: " + why, "UNAVAILABLE", null);
        }
        return bundle;
    }

    @Override
    public CompletableFuture<Masked> maskAsync(Object message, MaskRequest request) {
        return CompletableFuture.supplyAsync(() -> mask(message, request), executor);
    }

    @Override
    public CompletableFuture<Decision> decideAsync(FieldsRequest request) {
        return CompletableFuture.supplyAsync(() -> decide(request), executor);
    }

    @Override
    public void prepare(String application, String name) {
        waitReady(settings.deadline);
    }

    @Override
    public void waitReady(Duration timeout) {
        try {
            holder.await(timeout);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        bundle();
    }

    @Override
    public ClientStatus status() {
        LoadedBundle bundle = holder.current();
        String problem = holder.problem() == null ? recorder.problem() : holder.problem();
        return new ClientStatus("", recorder.unreported(), bundle == null ? 0 : bundle.decider().revision(),
                bundle == null ? "" : bundle.decider().hash(), problem);
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            source.close();
        } catch (Exception error) {
            LOG.log(System.Logger.Level.WARNING, "the source of bundles could not be closed: " + error);
        }
        recorder.close();
        if (connection != null) {
            connection.close();
        }
        if (ownExecutor != null) {
            ownExecutor.shutdown();
        }
        folder.close();
    }
}
