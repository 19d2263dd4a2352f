package dev.jingxi.client.offline.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.jingxi.client.errors.BundleException;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.Diagnostic;
import dev.jingxi.pdp.v1.Grant;
import dev.jingxi.testing.Vectors;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** tests/vectors/decisions.json. */
class DecisionVectorsTest {
    private static final JsonNode TABLE = Vectors.load("decisions.json");
    private static final Trust TRUST = new Trust(List.of(Vectors.folder().resolve("bundles/test.pub")));
    private static final Set<String> GAPS = Vectors.gaps();
    private static final Map<String, LoadedBundle> BUNDLES = new HashMap<>();

    @TestFactory
    Stream<DynamicTest> cases() {
        return StreamSupport.stream(TABLE.path("cases").spliterator(), false)
                .map(one -> DynamicTest.dynamicTest(one.path("id").asText(), () -> check(one)));
    }

    private void check(JsonNode one) throws IOException {
        DecideResponse expected = withoutWords(read(DecideResponse.newBuilder(), one.path("expected")).build());
        DecideRequest request = request(one.path("request"));
        Map<String, Grant> grants = new HashMap<>();
        for (JsonNode grant : one.path("grants")) {
            Grant found = read(Grant.newBuilder(), grant).build();
            grants.put(found.getId(), found);
        }
        BigInteger[] now = new BigInteger(one.path("now_nanos").asText()).divideAndRemainder(BigInteger.TEN.pow(9));
        Decider decider = bundle(one.path("bundle").asText()).decider();
        Instant time = Instant.ofEpochSecond(now[0].longValueExact(), now[1].longValueExact());
        // Twice: what is remembered of the first time must not change the second.
        for (int i = 0; i < 2; i++) {
            DecideResponse found = withoutWords(decider.decide(request, time, grants::get).response());
            if (GAPS.contains(one.path("id").asText())) {
                assertNotEquals(expected, found);
            } else {
                assertEquals(expected, found);
            }
        }
    }

    @TestFactory
    Stream<DynamicTest> refusals() {
        return StreamSupport.stream(TABLE.path("refusals").spliterator(), false).map(one -> DynamicTest.dynamicTest(
                one.path("id").asText(), () -> {
                    long inUse = one.has("in_use") ? bundle(one.path("in_use").asText()).decider().revision() : 0;
                    byte[] data = Files.readAllBytes(Vectors.folder().resolve(one.path("file").asText()));
                    BundleException error = assertThrows(BundleException.class, () -> LoadedBundle.read(data, TRUST, inUse));
                    assertEquals(one.path("why").asText(), error.why());
                }));
    }

    private LoadedBundle bundle(String name) throws IOException {
        LoadedBundle known = BUNDLES.get(name);
        if (known == null) {
            String file = TABLE.path("bundles").path(name).asText();
            known = LoadedBundle.read(Files.readAllBytes(Vectors.folder().resolve(file)), TRUST, 0);
            BUNDLES.put(name, known);
        }
        return known;
    }

    /** The English sentence of a diagnostic is free. */
    private static DecideResponse withoutWords(DecideResponse response) {
        DecideResponse.Builder builder = response.toBuilder();
        builder.getDiagnosticsBuilderList().forEach(Diagnostic.Builder::clearMessage);
        return builder.build();
    }

    /** Google's reader of JSON loses the sign of zero, so that another number stands for it meanwhile. */
    private static DecideRequest request(JsonNode json) throws InvalidProtocolBufferException {
        double standIn = 1.234567890123e-300;
        String text = json.toString().replaceAll("-0\\.0(?![0-9.])", Double.toString(standIn));
        DecideRequest.Builder builder = DecideRequest.newBuilder();
        JsonFormat.parser().merge(text, builder);
        String bytes = new String(builder.build().toByteArray(), StandardCharsets.ISO_8859_1);
        bytes = bytes.replace(littleEndian(standIn), littleEndian(-0.0));
        return DecideRequest.parseFrom(bytes.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static String littleEndian(double value) {
        byte[] bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putDouble(value).array();
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    private static <B extends Message.Builder> B read(B builder, JsonNode json) throws InvalidProtocolBufferException {
        JsonFormat.parser().merge(json.toString(), builder);
        return builder;
    }
}
