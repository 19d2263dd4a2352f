package dev.jingxi.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jingxi.client.errors.AccessDeniedException;
import dev.jingxi.client.errors.AttributeValueException;
import dev.jingxi.client.errors.ClientClosedException;
import dev.jingxi.client.errors.ConfigurationException;
import dev.jingxi.client.errors.DecisionUnavailableException;
import dev.jingxi.client.errors.JingxiException;
import dev.jingxi.client.errors.MessageMismatchException;
import dev.jingxi.client.errors.ProtocolException;
import dev.jingxi.client.errors.RequestRejectedException;
import dev.jingxi.client.errors.RevisionTooOldException;
import dev.jingxi.client.errors.UnknownMessageException;
import dev.jingxi.client.errors.Violation;
import dev.jingxi.client.internal.FakeService;
import dev.jingxi.pdp.v1.DecideBatchRequest;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.GetMessageMapRequest;
import dev.jingxi.pdp.v1.ItemError;
import dev.jingxi.testing.Certificates;
import dev.jingxi.testing.Service;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.TlsServerCredentials;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClientTest {
    private static final Subject TELLER = Subject.of("T1001").roles("teller").with("level", 2);
    private static final Duration PATIENT = Duration.ofSeconds(30);
    private static final MaskRequest REQUEST = MaskRequest.of("core-counter", "customer", TELLER);
    private static final Map<String, Object> MESSAGE = Map.of("no", "C1", "mobile", "13812348000", "name", "欧阳娜娜小姐们啊");

    private final FakeService service = new FakeService().start();
    private final JingxiClient client = JingxiClient.builder(service.target()).deadline(PATIENT).build();

    @AfterEach
    void end() {
        client.close();
        service.close();
    }

    @Test
    void aQuestionAndItsAnswer() {
        service.answer = item -> FakeService.masked("mobile");
        Decision decision = client.decide(FieldsRequest.of(TELLER, "mobile")
                .action(Action.of("query").with("amount", 5.0))
                .resource(Resource.of("customer", "C1").with("vip", true))
                .context("menu", "3101").grants("G1").requestId("r1").minRevision(3).minGrantRevision(4));
        DecideRequest asked = (DecideRequest) service.calls.get(0);
        assertEquals(2, asked.getSubject().getAttributesOrThrow("level").getIntValue());
        assertEquals(5.0, asked.getAction().getAttributesOrThrow("amount").getDoubleValue());
        assertTrue(asked.getResource().getAttributesOrThrow("vip").getBoolValue());
        assertEquals("3101", asked.getContextOrThrow("menu").getStringValue());
        assertEquals(List.of("G1"), asked.getGrantIdsList());
        assertEquals(3, asked.getMinRevision());
        assertEquals(4, asked.getMinGrantRevision());
        assertEquals("r1", decision.requestId());
        assertEquals(Mask.of("keep", Map.of("prefix", 3L, "suffix", 4L)), decision.verdict("mobile").get().mask().get());
        assertEquals("p/r", decision.verdict("mobile").get().reason().rule());
        assertTrue(decision.verdict("email").isEmpty());
    }

    @ParameterizedTest
    @CsvSource({
        "INVALID_ARGUMENT, ERROR_REASON_INVALID_REQUEST, invalid_request",
        "INVALID_ARGUMENT, ERROR_REASON_UNKNOWN_MESSAGE, unknown_message",
        "NOT_FOUND, ERROR_REASON_UNKNOWN_MESSAGE, unknown_message",
        "FAILED_PRECONDITION, ERROR_REASON_REVISION_TOO_OLD, stale_revision",
        "UNAVAILABLE, ERROR_REASON_NO_POLICY, unavailable",
        "INTERNAL, ERROR_REASON_INTERNAL, unavailable",
        "RESOURCE_EXHAUSTED, '', unavailable",
        "UNAUTHENTICATED, '', access_denied",
        "PERMISSION_DENIED, '', access_denied",
    })
    void aStatusBecomesItsError(Status.Code code, String reason, String expected) {
        service.before = request -> {
            throw FakeService.failure(code, reason);
        };
        JingxiException error = assertThrows(JingxiException.class, () -> client.decide(FieldsRequest.of(TELLER, "mobile")));
        assertEquals(expected, error.code());
        assertTrue(error.getMessage().contains("says why"), error.getMessage());
        if (error instanceof RequestRejectedException) {
            assertEquals(List.of(new Violation("fields", "is empty")), ((RequestRejectedException) error).violations());
        }
        if (error instanceof DecisionUnavailableException) {
            assertEquals(code.name(), ((DecisionUnavailableException) error).status());
        }
    }

    @Test
    void anAnswerAboutOtherFieldsIsRefused() {
        assertThrows(ProtocolException.class, () -> client.decide(FieldsRequest.of(TELLER, "name")));
    }

    @Test
    void whatCannotBeSentIsRefusedBeforeAnythingIsSent() {
        AttributeValueException error = assertThrows(AttributeValueException.class,
                () -> client.decide(FieldsRequest.of(TELLER, "a").context("x", new Object())));
        assertTrue(error.getMessage().startsWith("attribute `context.x`:"), error.getMessage());
        assertThrows(AttributeValueException.class, () -> client.decide(FieldsRequest.of(Subject.of("\ud800"), "a")));
        assertEquals(List.of(), service.calls);
    }

    @Test
    void twoFailuresAreTriedAgain() {
        AtomicInteger left = new AtomicInteger(2);
        service.before = request -> {
            if (left.getAndDecrement() > 0) {
                throw Status.UNAVAILABLE.asRuntimeException();
            }
        };
        service.answer = item -> FakeService.masked("mobile");
        assertEquals(1, client.decide(FieldsRequest.of(TELLER, "mobile")).verdicts().size());
        assertEquals(3, service.calls.size());
        service.before = request -> {
            throw Status.UNAVAILABLE.asRuntimeException();
        };
        service.calls.clear();
        assertThrows(DecisionUnavailableException.class, () -> client.decide(FieldsRequest.of(TELLER, "mobile")));
        assertEquals(3, service.calls.size());
    }

    @Test
    void theDeadlineIsKept() {
        CountDownLatch end = new CountDownLatch(1);
        service.before = request -> await(end);
        try (JingxiClient hasty = JingxiClient.builder(service.target()).deadline(Duration.ofMillis(200)).build()) {
            long start = System.nanoTime();
            DecisionUnavailableException error =
                    assertThrows(DecisionUnavailableException.class, () -> hasty.mask(MESSAGE, REQUEST));
            assertEquals("DEADLINE_EXCEEDED", error.status());
            assertTrue(System.nanoTime() - start < PATIENT.toNanos());
        } finally {
            end.countDown();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void aMessageIsMaskedAndNotChanged() {
        Masked masked = client.mask(MESSAGE, REQUEST.requestId("r7"));
        assertEquals(Map.of("no", "C1", "mobile", "138****8000", "name", "欧阳娜*小姐们啊"), masked.messageAsMap());
        assertEquals("13812348000", MESSAGE.get("mobile"));
        assertEquals("r7", masked.requestId());
        assertEquals("h1", masked.policyHash());
        assertTrue(masked.fallback().isEmpty());
        assertFalse(masked.toString().contains("138"));
        assertEquals(1, service.count(GetMessageMapRequest.class));
        client.mask(MESSAGE, REQUEST);
        assertEquals(1, service.count(GetMessageMapRequest.class), "the map is kept");
    }

    @Test
    void aBatchIsAskedForListsAndItemsFailAlone() {
        service.map = FakeService.withAccounts(FakeService.map("mobile")).build();
        service.answer = item -> item.getMessage().getPart().isEmpty() ? FakeService.masked("mobile")
                : item.getResource().getId().equals("bad") ? ItemError.newBuilder().setCode(3).setMessage("no").build()
                : FakeService.masked("account_no");
        Masked masked = client.mask(Map.of("no", "C1", "mobile", "13812348000", "accounts",
                List.of(Map.of("no", "100200300400"), Map.of("no", "bad"))), REQUEST);
        assertEquals(1, service.count(DecideBatchRequest.class));
        assertEquals(List.of(Map.of("no", "100*****0400"), Map.of("no", "***")), masked.messageAsMap().get("accounts"));
        assertEquals(3, masked.decisions().size());
        assertEquals("$.accounts[1]", masked.decisions().get(2).place());
        assertEquals("no", masked.decisions().get(2).error());
        assertEquals(1, masked.problems().size());
        assertEquals(7, masked.decisions().get(0).decision().get().revision());
    }

    @Test
    void aNewMapIsFollowedWhenThePolicySetChanges() {
        client.mask(MESSAGE, REQUEST);
        service.policyHash = "h2";
        service.map = FakeService.map("mobile").build();
        service.answer = item -> FakeService.masked("mobile");
        Masked masked = client.mask(MESSAGE, REQUEST);
        assertEquals("h2", masked.policyHash());
        assertEquals(MESSAGE.get("name"), masked.messageAsMap().get("name"));
    }

    @Test
    void verdictsThatAreNotUnderstoodMaskInFull() {
        service.answer = item -> {
            DecideResponse.Builder odd = FakeService.masked("mobile", "name").toBuilder();
            odd.getVerdictsBuilder(0).setMask(9);
            odd.getVerdictsBuilder(1).setEffectValue(77);
            return odd.build();
        };
        assertEquals(Map.of("no", "C1", "mobile", "***", "name", "***"), client.mask(MESSAGE, REQUEST).message());
    }

    @Test
    void aMaskThatCannotBePerformedDropsTheField() {
        service.answer = item -> {
            DecideResponse.Builder odd = FakeService.masked("mobile", "name").toBuilder();
            odd.getMasksBuilder(0).setAlgorithm("tokenize").setName("vault");
            return odd.build();
        };
        Masked masked = client.mask(MESSAGE, REQUEST);
        assertEquals(Map.of("no", "C1"), masked.message());
        assertEquals(1, masked.problems().size());
        assertTrue(masked.problems().get(0).contains("`vault`"));
    }

    @Test
    void messagesThatDoNotFitAreRefused() {
        assertThrows(MessageMismatchException.class, () -> client.mask("text", REQUEST));
        Object deep = "x";
        for (int i = 0; i < 100_000; i++) {
            deep = List.of(deep);
        }
        Object tooDeep = Map.of("no", "C1", "deep", deep);
        assertThrows(MessageMismatchException.class, () -> client.mask(tooDeep, REQUEST));
        assertThrows(UnknownMessageException.class, () -> client.mask(MESSAGE, MaskRequest.of("core-counter", "x", TELLER)));
    }

    @Test
    void garbageIsAnErrorOfTheService() {
        service.answer = item -> FakeService.masked("mobile").toBuilder().clearVerdicts().build();
        assertEquals(Map.of("no", "C1", "mobile", "***", "name", "***"), client.mask(MESSAGE, REQUEST).message());
    }

    @Test
    void aHundredThreadsShareAClient() {
        Map<Integer, Object> shown = new ConcurrentHashMap<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            int number = i;
            threads.add(new Thread(() -> {
                for (int round = 0; round < 5; round++) {
                    String mobile = String.format("138%08d", number * 10 + round);
                    Map<String, Object> message = Map.of("no", "C" + number, "mobile", mobile, "name", "n");
                    shown.put(number * 10 + round, client.mask(message, REQUEST).messageAsMap().get("mobile"));
                }
            }));
        }
        threads.forEach(Thread::start);
        threads.forEach(thread -> {
            try {
                thread.join();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        });
        assertEquals(500, shown.size());
        shown.forEach((number, mobile) -> assertEquals("138****" + String.format("%08d", number).substring(4), mobile));
    }

    @Test
    void futuresGiveTheSame() {
        List<CompletableFuture<Masked>> futures = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            futures.add(client.maskAsync(MESSAGE, REQUEST));
        }
        futures.forEach(future -> assertEquals("138****8000", future.join().messageAsMap().get("mobile")));
        service.answer = item -> FakeService.masked("mobile");
        assertEquals("d1", client.decideAsync(FieldsRequest.of(TELLER, "mobile")).join().decisionId());
    }

    @Test
    void metricsAndInterceptorsAreTold() {
        List<String> told = new CopyOnWriteArrayList<>();
        Metrics metrics = new Metrics() {
            @Override
            public void call(String method, String status, Duration time) {
                told.add(method + " " + status);
            }

            @Override
            public void message(String outcome, Duration time) {
                told.add(outcome);
            }
        };
        AtomicInteger intercepted = new AtomicInteger();
        try (JingxiClient own = JingxiClient.builder(service.target()).deadline(PATIENT).metrics(metrics)
                .interceptors(new io.grpc.ClientInterceptor() {
                    @Override
                    public <Q, A> io.grpc.ClientCall<Q, A> interceptCall(io.grpc.MethodDescriptor<Q, A> method,
                            io.grpc.CallOptions options, io.grpc.Channel next) {
                        intercepted.incrementAndGet();
                        return next.newCall(method, options);
                    }
                }).build()) {
            own.mask(MESSAGE, REQUEST);
            assertThrows(JingxiException.class, () -> own.mask("text", REQUEST));
        }
        assertEquals(List.of("GetMessageMap OK", "Decide OK", "decided", "refused"), told);
        assertEquals(2, intercepted.get());
    }

    @Test
    void aClosedClientSaysSo() {
        client.close();
        client.close();
        assertThrows(ClientClosedException.class, () -> client.mask(MESSAGE, REQUEST));
        assertThrows(ClientClosedException.class, () -> client.waitReady(PATIENT));
    }

    @Test
    void severalAddressesAreGoneRound() {
        try (FakeService other = new FakeService().start();
                JingxiClient both = JingxiClient.builder(service.target(), other.target()).deadline(PATIENT).build()) {
            Service.await("both were asked", () -> {
                both.mask(MESSAGE, REQUEST);
                return !service.calls.isEmpty() && !other.calls.isEmpty();
            });
        }
    }

    @Test
    void plainTextGoesToThisMachineOnly(@TempDir Path folder) throws IOException {
        Path token = Files.writeString(folder.resolve("token"), "jx_1");
        assertThrows(ConfigurationException.class, () -> JingxiClient.builder("pdp.bank.example:7443").build());
        assertThrows(ConfigurationException.class,
                () -> JingxiClient.builder("pdp.bank.example:7443").insecure().token(token).build());
        assertThrows(ConfigurationException.class, () -> JingxiClient.builder("127.0.0.1:1", "10.0.0.1:1").build());
        assertThrows(ConfigurationException.class, () -> JingxiClient.builder().build());
        assertThrows(ConfigurationException.class, () -> JingxiClient.builder("[::1]:1").deadline(Duration.ZERO));
        for (String local : List.of("[::1]:1", "ipv4:127.0.0.1:1", "localhost:1", "dns:///localhost:1", "unix:/run/pdp.sock")) {
            JingxiClient.builder(local).build().close();
        }
    }

    @Test
    void mutualTlsAndATokenThatIsReadAgain(@TempDir Path folder) throws IOException {
        Certificates made = Certificates.make(folder);
        List<String> tokens = new CopyOnWriteArrayList<>();
        ServerInterceptor look = new ServerInterceptor() {
            @Override
            public <Q, A> ServerCall.Listener<Q> interceptCall(ServerCall<Q, A> call, Metadata headers,
                    ServerCallHandler<Q, A> next) {
                String token = headers.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER));
                if (token != null) {
                    tokens.add(token);
                }
                return next.startCall(call, headers);
            }
        };
        Path token = Files.writeString(folder.resolve("token"), "jx_1\n");
        try (FakeService secure = new FakeService().start(TlsServerCredentials.newBuilder()
                .keyManager(made.file("server.crt").toFile(), made.file("server.key").toFile())
                .trustManager(made.file("ca.crt").toFile())
                .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE).build(), look)) {
            try (JingxiClient own = JingxiClient.builder(secure.target()).deadline(PATIENT).token(token)
                    .tls(made.file("ca.crt"), made.file("client.crt"), made.file("client.key")).build()) {
                assertEquals("138****8000", own.mask(MESSAGE, REQUEST).messageAsMap().get("mobile"));
                assertEquals(List.of("Bearer jx_1", "Bearer jx_1"), tokens);
                Files.writeString(token, "jx_22");
                own.mask(MESSAGE, REQUEST);
                assertEquals("Bearer jx_22", tokens.get(2));
                Files.delete(token);
                assertThrows(AccessDeniedException.class, () -> own.mask(MESSAGE, REQUEST));
            }
            try (JingxiClient nobody = JingxiClient.builder(secure.target()).deadline(PATIENT)
                    .tls(made.file("ca.crt")).build()) {
                assertInstanceOf(DecisionUnavailableException.class,
                        assertThrows(JingxiException.class, () -> nobody.mask(MESSAGE, REQUEST)));
            }
            try (JingxiClient stranger = JingxiClient.builder(secure.target()).deadline(PATIENT).tls().build()) {
                assertThrows(DecisionUnavailableException.class, () -> stranger.mask(MESSAGE, REQUEST));
            }
        }
    }

    @Test
    void keysComeFromFilesAndTheEnvironment(@TempDir Path folder) throws IOException {
        Files.writeString(folder.resolve("id-card.2026"), "AAECAwQFBgcICQoLDA0ODw==\n");
        Files.writeString(folder.resolve("short"), "AAEC");
        Files.writeString(folder.resolve("bad"), "***");
        assertEquals(16, Keys.fromFolder(folder).key("id-card.2026").length);
        assertSame(null, Keys.fromFolder(folder).key("none"));
        assertSame(null, Keys.fromFolder(folder).key("../secret"));
        assertThrows(JingxiException.class, () -> Keys.fromFolder(folder).key("short"));
        assertThrows(JingxiException.class, () -> Keys.fromFolder(folder).key("bad"));
        KeyProvider environment = Keys.fromEnvironment("K_", Map.of("K_ID_CARD_2026", "AAECAwQFBgcICQoLDA0ODw=="));
        assertEquals(16, environment.key("id-card.2026").length);
        Mask hash = Mask.of("hash", Map.of("key", "id-card.2026", "digits", 16L));
        assertEquals(16, ((String) Masks.apply(hash, "x", environment)).length());
        assertSame(Masks.DROP, Masks.apply(hash, "x", Keys.none()));
    }

    @Test
    void revisionsThatAreTooOldSaySo() {
        service.before = request -> {
            throw FakeService.failure(Status.Code.FAILED_PRECONDITION, "ERROR_REASON_REVISION_TOO_OLD");
        };
        assertThrows(RevisionTooOldException.class, () -> client.mask(MESSAGE, REQUEST.minRevision(99)));
    }
}
