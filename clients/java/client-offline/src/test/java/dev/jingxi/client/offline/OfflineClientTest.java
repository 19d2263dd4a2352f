package dev.jingxi.client.offline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.jingxi.client.Action;
import dev.jingxi.client.Alarm;
import dev.jingxi.client.FieldsRequest;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import dev.jingxi.client.Subject;
import dev.jingxi.client.errors.ConfigurationException;
import dev.jingxi.client.errors.DecisionUnavailableException;
import dev.jingxi.client.errors.UnknownMessageException;
import dev.jingxi.pdp.v1.BundleCurrent;
import dev.jingxi.pdp.v1.BundleHeader;
import dev.jingxi.pdp.v1.BundleServiceGrpc;
import dev.jingxi.pdp.v1.OfflineDecision;
import dev.jingxi.pdp.v1.ReportDecisionsRequest;
import dev.jingxi.pdp.v1.ReportDecisionsResponse;
import dev.jingxi.pdp.v1.SignedBundle;
import dev.jingxi.pdp.v1.WatchBundleRequest;
import dev.jingxi.pdp.v1.WatchBundleResponse;
import dev.jingxi.testing.Service;
import dev.jingxi.testing.Vectors;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OfflineClientTest {
    private static final Path BUNDLES = Vectors.folder().resolve("bundles");
    private static final Object MESSAGE = Vectors.plain(Service.sample("core-counter.customer-detail.json"));
    private static final Subject TELLER =
            Subject.of("T1001").roles("teller").with("level", 2L).with("branch", "320400001");
    private static final MaskRequest REQUEST = MaskRequest.of("core-counter", "customer-detail", TELLER)
            .action(Action.of("query")).context(Map.of("menu", "1201", "channel", "counter", "scenario", "processing"));

    @TempDir
    Path folder;

    private Path bundle;
    private final List<Alarm.Kind> alarms = new CopyOnWriteArrayList<>();

    @BeforeEach
    void copyBundle() throws IOException {
        bundle = folder.resolve("bundle-in.pb");
        Files.copy(BUNDLES.resolve("bank.pb"), bundle);
    }

    private OfflineBuilder builder(String... targets) {
        return OfflineClient.builder(targets).trust(BUNDLES.resolve("test.pub")).stateFolder(folder.resolve("state"))
                .alarm((kind, message) -> alarms.add(kind));
    }

    @Test
    void messagesAreMaskedByABundleAndReportedToTheRealService() {
        try (Service service = Service.shared(folder.resolve("service"));
                JingxiClient online = JingxiClient.builder(service.address()).deadline(Duration.ofSeconds(30)).build();
                JingxiClient client = builder(service.address()).bundleFile(bundle).build()) {
            Masked masked = client.mask(MESSAGE, REQUEST);
            assertEquals(online.mask(MESSAGE, REQUEST).message(), masked.message(), "as the service masks");
            assertTrue(masked.decisions().get(0).decision().get().decisionId().matches("[0-9a-f]{32}-1"));
            assertEquals(7, client.status().revision());
            client.decide(FieldsRequest.of(TELLER, "mobile").grants("G1"));
            Service.await("the service records it", () -> client.status().unreported() == 0);
        }
        assertEquals(List.of(), alarms);
    }

    @Test
    void theKeptBundleIsUsedAndABadOneIsNot() throws IOException {
        try (JingxiClient client = builder().bundleFile(bundle).build()) {
            assertEquals(7, client.status().revision());
            assertThrows(UnknownMessageException.class,
                    () -> client.mask(MESSAGE, MaskRequest.of("core-counter", "x", TELLER)));
        }
        Files.copy(BUNDLES.resolve("refused-flipped-byte.pb"), bundle, StandardCopyOption.REPLACE_EXISTING);
        try (JingxiClient client = builder().bundleFile(bundle).maxAge(Duration.ofMillis(1)).build()) {
            assertEquals(List.of(Alarm.Kind.BUNDLE_REFUSED), alarms);
            assertTrue(client.status().problem().get().contains("hash"));
            Masked masked = client.mask(MESSAGE, REQUEST);
            assertEquals("stale_policies", masked.decisions().get(0).decision().get().diagnostics().stream()
                    .reduce((first, last) -> last).get().code());
        }
    }

    @Test
    void withoutABundleThereIsNoVerdict() throws IOException {
        Files.delete(bundle);
        try (JingxiClient client = builder().bundleFile(bundle).build()) {
            assertThrows(DecisionUnavailableException.class, () -> client.mask(MESSAGE, REQUEST));
        }
        assertThrows(ConfigurationException.class, () -> OfflineClient.builder().bundleFile(bundle).build());
        assertThrows(ConfigurationException.class, () -> builder().build());
        assertThrows(ConfigurationException.class,
                () -> OfflineClient.builder().bundleFile(bundle).stateFolder(folder.resolve("other")).build());
    }

    @Test
    void whatCannotBeRecordedIsNotShown() throws IOException {
        Path log = folder.resolve("state/decisions");
        try (JingxiClient client = builder().bundleFile(bundle).build()) {
            deleteAll(log);
            Masked masked = client.mask(MESSAGE, REQUEST);
            assertEquals(List.of(Alarm.Kind.NOT_RECORDED), alarms);
            assertTrue(masked.decisions().stream().flatMap(part -> part.decision().get().verdicts().stream())
                    .noneMatch(verdict -> verdict.isUnmasked()));
        }
    }

    private static void deleteAll(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            for (Path file : files.collect(java.util.stream.Collectors.toList())) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }

    @Test
    void recordsThatMayWaitAreWrittenSoon() throws IOException {
        try (JingxiClient client = builder().bundleFile(bundle).recordAsync().build()) {
            client.decide(FieldsRequest.of(TELLER, "card_cvv"));
            Service.await("it is on the disk", () -> client.status().unreported() == 1);
        }
    }

    /** Gives a bundle in pieces, and takes records. */
    private static final class Bundles extends BundleServiceGrpc.BundleServiceImplBase {
        final List<OfflineDecision> taken = new CopyOnWriteArrayList<>();
        final List<WatchBundleRequest> asked = new CopyOnWriteArrayList<>();
        final SignedBundle signed;

        Bundles(byte[] data) throws IOException {
            signed = SignedBundle.parseFrom(data);
        }

        @Override
        public void watchBundle(WatchBundleRequest request, StreamObserver<WatchBundleResponse> out) {
            asked.add(request);
            if (request.getKnownHash().equals(signed.getHash())) {
                out.onNext(WatchBundleResponse.newBuilder().setCurrent(BundleCurrent.newBuilder()
                        .setRevision(7).setHash(signed.getHash())).build());
                out.onCompleted();
                return;
            }
            ByteString all = signed.getBundle();
            BundleHeader header = BundleHeader.newBuilder().setRevision(signed.getRevision()).setHash(signed.getHash())
                    .setKeyId(signed.getKeyId()).setSignature(signed.getSignature()).setSize(all.size()).build();
            out.onNext(WatchBundleResponse.newBuilder().setHeader(header).build());
            out.onNext(WatchBundleResponse.newBuilder().setChunk(all.substring(0, 100)).build());
            // A newer bundle ends the one that is under way.
            out.onNext(WatchBundleResponse.newBuilder().setHeader(header).build());
            for (int place = 0; place < all.size(); place += 100_000) {
                out.onNext(WatchBundleResponse.newBuilder()
                        .setChunk(all.substring(place, Math.min(place + 100_000, all.size()))).build());
            }
            out.onCompleted();
        }

        @Override
        public void reportDecisions(ReportDecisionsRequest request, StreamObserver<ReportDecisionsResponse> out) {
            taken.addAll(request.getDecisionsList());
            out.onNext(ReportDecisionsResponse.newBuilder()
                    .setRecordedThrough(request.getDecisions(request.getDecisionsCount() - 1).getSequence()).build());
            out.onCompleted();
        }
    }

    @Test
    void bundlesComeInPiecesAndDecisionsAreReported() throws Exception {
        Bundles bundles = new Bundles(Files.readAllBytes(bundle));
        Server server = Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create()).addService(bundles).build().start();
        try (JingxiClient client = builder("127.0.0.1:" + server.getPort()).build()) {
            client.waitReady(Service.PATIENCE);
            Masked masked = client.mask(MESSAGE, REQUEST);
            assertNotEquals(MESSAGE, masked.message());
            Service.await("the decisions are taken", () -> client.status().unreported() == 0);
            assertEquals(masked.decisions().size(), bundles.taken.size());
            assertEquals("T1001", bundles.taken.get(0).getRequest().getSubject().getId());
            assertEquals(0, bundles.taken.get(0).getResponse().getMasks(0).getParametersCount());
            Service.await("it asks for what is newer", () -> bundles.asked.size() > 1);
            assertEquals(7, bundles.asked.get(1).getKnownRevision());
        } finally {
            server.shutdownNow();
        }
    }
}
