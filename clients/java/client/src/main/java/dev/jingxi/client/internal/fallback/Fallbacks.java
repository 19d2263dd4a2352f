package dev.jingxi.client.internal.fallback;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.jingxi.client.Alarm;
import dev.jingxi.client.Fallback;
import dev.jingxi.client.Mask;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import dev.jingxi.client.PartDecision;
import dev.jingxi.client.internal.messages.MappedMessage;
import dev.jingxi.client.internal.messages.MaskedCopy;
import dev.jingxi.client.internal.messages.Maskers;
import dev.jingxi.client.internal.messages.Plan;
import dev.jingxi.client.internal.messages.Question;
import dev.jingxi.client.internal.messages.Replies;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.client.internal.state.EventLog;
import dev.jingxi.client.internal.state.StateFolder;
import dev.jingxi.pdp.v1.FallbackCause;
import dev.jingxi.pdp.v1.FallbackEvent;
import dev.jingxi.pdp.v1.FallbackItem;
import dev.jingxi.pdp.v1.FallbackServiceGrpc;
import dev.jingxi.pdp.v1.FieldFallback;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.MessageRef;
import dev.jingxi.pdp.v1.ReportFallbacksRequest;
import io.grpc.Deadline;
import java.io.IOException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.LongFunction;

/** The failure rule: what may be shown when no verdict can be had, recorded before it is shown. */
public final class Fallbacks implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Fallbacks.class.getName());
    private static final int MAX_ITEMS = 1_000;
    private static final int MAX_EVENT_BYTES = 128 * 1024;
    private static final int MAX_DETAIL_BYTES = 500;

    private final EventLog log;
    private final Reporter reporter;
    private final Breaker breaker;
    private final FallbackRate rate;
    private final Alarms alarms;
    private final Maskers maskers;
    private final Clock clock;

    /** Opens the log of a state folder and begins to report. */
    public Fallbacks(StateFolder folder, Connection connection, Alarms alarms, Maskers maskers, Clock clock) {
        this.alarms = alarms;
        this.maskers = maskers;
        this.clock = clock;
        this.log = folder.log("fallbacks", new EventKind(), new LogAlarms(alarms));
        this.rate = new FallbackRate(System::nanoTime);
        this.breaker = new Breaker(System::nanoTime, new Random(),
                () -> alarms.raise(Alarm.Kind.BREAKER_OPENED,
                        "the service failed " + Breaker.FAILURES + " times in a row; messages are answered without it for a while"),
                () -> alarms.raise(Alarm.Kind.BREAKER_CLOSED, "the service answers again"));
        String clientId = folder.clientId();
        this.reporter = new Reporter(log, (payloads, end) -> report(connection, clientId, payloads, end), alarms);
    }

    private static long report(Connection connection, String clientId, List<byte[]> payloads, Deadline end)
            throws IOException {
        ReportFallbacksRequest.Builder request = ReportFallbacksRequest.newBuilder().setClientId(clientId);
        for (byte[] payload : payloads) {
            request.addEvents(FallbackEvent.parseFrom(payload));
        }
        return connection.call(FallbackServiceGrpc.getReportFallbacksMethod(), request.build(), end).getRecordedThrough();
    }

    /** Returns the breaker that stands before the service. */
    public Breaker breaker() {
        return breaker;
    }

    /** Returns how many events the service has not recorded. */
    public long unreported() {
        return log.unreported();
    }

    /** Returns why the last report failed; null when it did not. */
    public String problem() {
        return reporter.problem();
    }

    /** Says that the service answers. */
    public void answered() {
        reporter.wake();
    }

    /** Returns what may be shown of a message. */
    public Masked answer(Object message, Plan plan, MaskRequest request, String requestId, FallbackCause cause,
            String detail) {
        GetMessageMapResponse map = plan.map().source();
        Rule rule = new Rule(map, now());
        MaskedCopy copy = new MaskedCopy(message, maskers);
        List<FallbackItem> items = new ArrayList<>();
        Set<String> passed = new LinkedHashSet<>();
        for (Question question : plan.questions()) {
            FallbackItem.Builder item = FallbackItem.newBuilder().setResource(question.resource()).setPart(question.part());
            copy.apply(question, field -> {
                Optional<Mask> mask = rule.mask(field);
                if (mask.isEmpty()) {
                    item.addPassed(field);
                    passed.add(field);
                } else {
                    item.addMasked(field);
                }
                return mask;
            });
            items.add(item.build());
        }
        boolean recorded = record(events(plan, request, requestId, cause, detail, items));
        if (!recorded && !passed.isEmpty()) {
            copy = new MaskedCopy(message, maskers);
            for (Question question : plan.questions()) {
                copy.apply(question, field -> Optional.of(rule.maskAlways(field)));
            }
        }
        Object shown = copy.finish();
        List<String> shownFields = recorded ? new ArrayList<>(passed) : List.of();
        tell(request, requestId, cause, detail, shownFields, map);
        List<PartDecision> parts = new ArrayList<>();
        for (Question question : plan.questions()) {
            parts.add(new PartDecision(question.part(), question.place().toString(), null, "no verdict: " + detail));
        }
        List<String> problems = new ArrayList<>(plan.problems());
        problems.addAll(copy.problems());
        Fallback fallback = new Fallback(name(cause), detail, shownFields, recorded);
        return new Masked(shown, parts, requestId, map.getPolicyHash(), problems, fallback);
    }

    /** What the map's failure rule says now. */
    private static final class Rule {
        private final Map<String, FieldFallback> fields = new HashMap<>();
        private final boolean mayPass;

        Rule(GetMessageMapResponse map, long now) {
            map.getFallbacksList().forEach(fallback -> fields.put(fallback.getField(), fallback));
            this.mayPass = now < map.getPassUntilNanos();
        }

        Optional<Mask> mask(String field) {
            FieldFallback fallback = fields.get(field);
            return fallback != null && fallback.getPass() && mayPass ? Optional.empty() : Optional.of(maskAlways(field));
        }

        Mask maskAlways(String field) {
            FieldFallback fallback = fields.get(field);
            return fallback == null || !fallback.hasMask() ? Mask.FULL : Replies.mask(fallback.getMask());
        }
    }

    private List<FallbackEvent> events(Plan plan, MaskRequest request, String requestId, FallbackCause cause,
            String detail, List<FallbackItem> items) {
        FallbackEvent shared = FallbackEvent.newBuilder()
                .setTimeNanos(now())
                .setCause(cause)
                .setDetail(cut(detail))
                .setRequestId(requestId)
                .setMessage(MessageRef.newBuilder()
                        .setApplication(plan.map().application()).setName(plan.map().name()))
                .setSubject(plan.subject())
                .setAction(plan.action())
                .putAllContext(plan.context())
                .addAllGrantIds(request.grantIds())
                .setRevision(plan.map().source().getRevision())
                .setPolicyHash(plan.map().policyHash())
                .build();
        List<FallbackEvent> events = new ArrayList<>();
        FallbackEvent.Builder event = shared.toBuilder();
        int bytes = 0;
        for (FallbackItem item : items) {
            int size = item.getSerializedSize();
            if (event.getItemsCount() == MAX_ITEMS || bytes > 0 && bytes + size > MAX_EVENT_BYTES) {
                events.add(event.build());
                event = shared.toBuilder();
                bytes = 0;
            }
            event.addItems(item);
            bytes += size;
        }
        events.add(event.build());
        return events;
    }

    private boolean record(List<FallbackEvent> events) {
        List<LongFunction<byte[]>> payloads = new ArrayList<>();
        events.forEach(event -> payloads.add(number -> event.toBuilder().setSequence(number).build().toByteArray()));
        try {
            log.append(payloads);
            return true;
        } catch (IOException error) {
            alarms.raise(Alarm.Kind.NOT_RECORDED,
                    "a message that was answered without a verdict could not be recorded, so all of it is masked: " + error);
            return false;
        }
    }

    private void tell(MaskRequest request, String requestId, FallbackCause cause, String detail, List<String> passed,
            GetMessageMapResponse map) {
        LOG.log(System.Logger.Level.WARNING, "request " + requestId + ", message " + request.name()
                + ": answered without a verdict (" + name(cause) + ": " + detail + "); fields that passed: " + passed);
        int events = map.getAlarmEvents();
        int seconds = map.getAlarmSeconds();
        if (rate.count(events, seconds)) {
            alarms.raise(Alarm.Kind.MANY_FALLBACKS,
                    "more than " + events + " messages went without a verdict within " + seconds + " s");
        }
    }

    private long now() {
        Instant now = clock.instant();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    private static String name(FallbackCause cause) {
        return cause.name().substring("FALLBACK_CAUSE_".length()).toLowerCase(Locale.ROOT);
    }

    private static String cut(String text) {
        String cut = text.length() > MAX_DETAIL_BYTES ? text.substring(0, MAX_DETAIL_BYTES) : text;
        while (cut.getBytes(java.nio.charset.StandardCharsets.UTF_8).length > MAX_DETAIL_BYTES) {
            cut = cut.substring(0, cut.offsetByCodePoints(cut.length(), -1));
        }
        return cut;
    }

    @Override
    public void close() {
        reporter.close();
        try {
            log.close();
        } catch (IOException error) {
            LOG.log(System.Logger.Level.WARNING, "the log of fallbacks could not be closed: " + error);
        }
    }

    /** The payloads of the log are FallbackEvents. */
    private static final class EventKind implements EventLog.Kind {
        @Override
        public long sequence(byte[] payload) {
            try {
                return FallbackEvent.parseFrom(payload).getSequence();
            } catch (InvalidProtocolBufferException none) {
                return 0;
            }
        }

        @Override
        public byte[] lost(long sequence) {
            return FallbackEvent.newBuilder().setSequence(sequence)
                    .setDetail("the record of this event was damaged on the client's disk").build().toByteArray();
        }
    }
}
