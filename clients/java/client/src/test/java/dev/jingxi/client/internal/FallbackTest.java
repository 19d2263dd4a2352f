package dev.jingxi.client.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jingxi.client.Action;
import dev.jingxi.client.Alarm;
import dev.jingxi.client.Fallback;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.Keys;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import dev.jingxi.client.Metrics;
import dev.jingxi.client.Subject;
import dev.jingxi.client.errors.DecisionUnavailableException;
import dev.jingxi.client.errors.MessageMismatchException;
import dev.jingxi.client.errors.RequestRejectedException;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.client.internal.net.Targets;
import dev.jingxi.client.internal.state.Disk;
import dev.jingxi.pdp.v1.FallbackEvent;
import dev.jingxi.pdp.v1.FieldFallback;
import dev.jingxi.pdp.v1.Mask;
import dev.jingxi.pdp.v1.Value;
import dev.jingxi.testing.Service;
import dev.jingxi.testing.Vectors;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Status;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FallbackTest {
    private static final Duration PATIENT = Duration.ofSeconds(30);
    private static final MaskRequest REQUEST = MaskRequest.of("core-counter", "customer", Subject.of("T1001"));
    private static final Map<String, Object> MESSAGE = Map.of("no", "C1", "mobile", "13812348000", "name", "张三", "cvv", "123");
    private static final Instant UNTIL = Instant.parse("2026-06-30T00:00:00Z");

    @TempDir
    Path folder;

    private final FakeService service = new FakeService().start();
    private final List<Alarm.Kind> alarms = Collections.synchronizedList(new ArrayList<>());

    FallbackTest() {
        service.map = FakeService.map("mobile", "name", "cvv")
                .addFallbacks(FieldFallback.newBuilder().setField("mobile").setLevel("C2").setPass(true).setMask(keep()))
                .addFallbacks(FieldFallback.newBuilder().setField("name").setLevel("C2").setMask(keep()))
                .setPassUntilNanos(UNTIL.getEpochSecond() * 1_000_000_000L)
                .setAlarmEvents(3).setAlarmSeconds(60)
                .build();
    }

    private static Mask keep() {
        return Mask.newBuilder().setAlgorithm("keep")
                .putParameters("prefix", Value.newBuilder().setIntValue(1).build()).build();
    }

    @AfterEach
    void end() {
        service.close();
    }

    private OnlineClient open(Disk disk, Instant now) {
        Connection connection = new Connection(Targets.of(List.of(service.target())), InsecureChannelCredentials.create(),
                null, List.of(), Metrics.NONE);
        return new OnlineClient(connection, Keys.none(), folder.resolve("state"), (kind, message) -> {
            assertFalse(message.contains("138"), message);
            alarms.add(kind);
        }, Metrics.NONE, PATIENT, null, disk, Clock.fixed(now, ZoneOffset.UTC));
    }

    private OnlineClient open() {
        return open(new Disk(), UNTIL.minusSeconds(1));
    }

    private void fail(Status.Code code) {
        service.before = request -> {
            throw Status.fromCode(code).withDescription("says why").asRuntimeException();
        };
    }

    @Test
    void whatTheFailureRulePassesIsShownAndReportedOnce() {
        service.reports.down(true);
        try (OnlineClient client = open()) {
            client.prepare("core-counter", "customer");
            fail(Status.Code.INTERNAL);
            Masked masked = client.mask(MESSAGE, REQUEST.requestId("r1").grants("G1").action(Action.of("query")));
            assertEquals(Map.of("no", "C1", "mobile", "13812348000", "name", "张*", "cvv", "***"), masked.message());
            Fallback fallback = masked.fallback().get();
            assertEquals("bad_answer", fallback.cause());
            assertEquals(List.of("mobile"), fallback.passed());
            assertTrue(fallback.recorded());
            assertEquals(1, client.status().unreported());
            service.reports.down(false);
            service.reports.loseAnswer();
            service.before = request -> { };
            service.answer = item -> FakeService.masked("mobile", "name", "cvv");
            Service.await("the event is reported", () -> {
                assertTrue(client.mask(MESSAGE, REQUEST).fallback().isEmpty());
                return client.status().unreported() == 0;
            });
        }
        assertEquals(1, service.reports.events().size());
        FallbackEvent event = service.reports.events().get(0);
        assertEquals("r1", event.getRequestId());
        assertEquals("T1001", event.getSubject().getId());
        assertEquals("query", event.getAction().getName());
        assertEquals(List.of("G1"), event.getGrantIdsList());
        assertEquals("C1", event.getItems(0).getResource().getId());
        assertEquals(List.of("mobile"), event.getItems(0).getPassedList());
        assertEquals(List.of("name", "cvv"), event.getItems(0).getMaskedList());
        assertFalse(event.toString().contains("138"), "no value leaves the process");
    }

    @Test
    void nothingPassesAfterItsTime() {
        try (OnlineClient client = open(new Disk(), UNTIL)) {
            client.prepare("core-counter", "customer");
            fail(Status.Code.UNAVAILABLE);
            Masked masked = client.mask(MESSAGE, REQUEST);
            assertEquals(Map.of("no", "C1", "mobile", "1**********", "name", "张*", "cvv", "***"), masked.message());
            assertEquals(List.of(), masked.fallback().get().passed());
        }
    }

    @Test
    void nothingPassesWithoutARecord() {
        Disk full = new Disk() {
            @Override
            public void append(FileChannel file, ByteBuffer data) throws IOException {
                throw new IOException("No space left on device");
            }

            @Override
            public void replace(Path file, byte[] data) throws IOException {
                Files.write(file, data);
            }
        };
        try (OnlineClient client = open(full, UNTIL.minusSeconds(1))) {
            client.prepare("core-counter", "customer");
            fail(Status.Code.UNAVAILABLE);
            Masked masked = client.mask(MESSAGE, REQUEST);
            assertEquals(Map.of("no", "C1", "mobile", "1**********", "name", "张*", "cvv", "***"), masked.message());
            assertFalse(masked.fallback().get().recorded());
            assertEquals(List.of(Alarm.Kind.NOT_RECORDED), alarms);
        }
    }

    @Test
    void mapsOutliveTheProcess() {
        open().close();
        fail(Status.Code.UNAVAILABLE);
        try (OnlineClient client = open()) {
            assertThrows(DecisionUnavailableException.class, () -> client.mask(MESSAGE, REQUEST), "nobody knows its fields");
        }
        service.before = request -> { };
        try (OnlineClient client = open()) {
            client.prepare("core-counter", "customer");
        }
        fail(Status.Code.UNAVAILABLE);
        try (OnlineClient client = open()) {
            assertEquals("unavailable", client.mask(MESSAGE, REQUEST).fallback().get().cause());
        }
        service.before = request -> { };
        try (OnlineClient client = open()) {
            Service.await("the next process reports it", () -> client.status().unreported() == 0);
        }
        assertEquals(1, service.reports.events().size());
    }

    @Test
    void refusalsAndMistakesAreNoFailures() {
        try (OnlineClient client = open()) {
            client.prepare("core-counter", "customer");
            fail(Status.Code.INVALID_ARGUMENT);
            for (int i = 0; i < 6; i++) {
                assertThrows(RequestRejectedException.class, () -> client.mask(MESSAGE, REQUEST));
            }
            assertEquals("closed", client.status().breaker());
            fail(Status.Code.UNAVAILABLE);
            assertThrows(MessageMismatchException.class, () -> client.mask("text", REQUEST));
        }
    }

    @Test
    void causesAreToldAndTheBreakerOpensAndCloses() {
        try (OnlineClient client = open()) {
            client.prepare("core-counter", "customer");
            List<String> causes = new ArrayList<>();
            for (Status.Code code : List.of(Status.Code.UNAVAILABLE, Status.Code.RESOURCE_EXHAUSTED, Status.Code.DATA_LOSS,
                    Status.Code.FAILED_PRECONDITION, Status.Code.ABORTED, Status.Code.UNAVAILABLE)) {
                fail(code);
                causes.add(client.mask(MESSAGE, REQUEST).fallback().get().cause());
            }
            assertEquals(List.of("unavailable", "overload", "bad_answer", "unavailable", "unavailable", "breaker_open"), causes);
            assertTrue(alarms.containsAll(List.of(Alarm.Kind.BREAKER_OPENED, Alarm.Kind.MANY_FALLBACKS)), alarms.toString());
            service.before = request -> { };
            service.answer = item -> FakeService.masked("mobile", "name", "cvv");
            Service.await("the breaker lets a call through", () -> client.mask(MESSAGE, REQUEST).fallback().isEmpty());
            assertEquals("closed", client.status().breaker());
            assertTrue(alarms.contains(Alarm.Kind.BREAKER_CLOSED));
        }
    }

    @Test
    void numbersThatTheServiceMissesAreToldAsLost() throws IOException {
        Path log = folder.resolve("state/fallbacks");
        try (OnlineClient client = open()) {
            client.prepare("core-counter", "customer");
            service.reports.down(true);
            fail(Status.Code.UNAVAILABLE);
            client.mask(MESSAGE, REQUEST);
            client.mask(MESSAGE, REQUEST);
        }
        Files.writeString(log.resolve("reported"), "1");
        service.reports.down(false);
        service.before = request -> { };
        try (OnlineClient client = open()) {
            Service.await("it is reported", () -> client.status().unreported() == 0);
        }
        assertEquals(List.of(1L, 2L), service.reports.events().stream().map(FallbackEvent::getSequence)
                .collect(java.util.stream.Collectors.toList()));
    }

    @Test
    void theRealServiceIsKilledHungAndBack() {
        Object message = Vectors.plain(Service.sample("core-counter.customer-detail.json"));
        MaskRequest request = MaskRequest.of("core-counter", "customer-detail",
                        Subject.of("T1001").roles("teller").with("level", 2).with("branch", "320400001"))
                .action(Action.of("query")).context(Map.of("menu", "1201", "channel", "counter"));
        try (Service real = Service.start(folder.resolve("service"));
                JingxiClient client = JingxiClient.builder(real.address()).deadline(PATIENT)
                        .stateFolder(folder.resolve("own")).build()) {
            Masked decided = client.mask(message, request);
            assertTrue(decided.fallback().isEmpty());
            Path later = folder.resolve("hasty");
            try (JingxiClient patient = JingxiClient.builder(real.address()).deadline(PATIENT).stateFolder(later).build()) {
                patient.prepare("core-counter", "customer-detail");
            }
            real.hang();
            try (JingxiClient hasty = JingxiClient.builder(real.address()).deadline(Duration.ofMillis(300))
                    .stateFolder(later).build()) {
                assertEquals("deadline", hasty.mask(message, request).fallback().get().cause());
            }
            real.goOn();
            real.kill();
            Masked masked = client.mask(message, request);
            assertEquals("unavailable", masked.fallback().get().cause());
            assertTrue(masked.fallback().get().recorded());
            real.restart();
            Service.await("the service decides again", () -> client.mask(message, request).fallback().isEmpty());
            assertEquals(decided.message(), client.mask(message, request).message());
            Service.await("it has recorded what passed", () -> client.status().unreported() == 0);
        }
    }
}
