package dev.jingxi.harness;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jingxi.client.errors.JingxiException;
import dev.jingxi.client.offline.internal.LoadedBundle;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.Grant;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

/**
 * Decides requests by a bundle, one a line, so that languages can be compared: {@code decide-lines --bundle FILE}. Reads
 * {@code {"request": "<base64>", "now_nanos": "…", "grants": ["<base64>"…]}}, writes {@code {"response": "<base64>"}} or
 * {@code {"error": "…"}}.
 */
public final class DecideLines {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final BigInteger NANOS = BigInteger.TEN.pow(9);

    private DecideLines() {}

    /** Runs from the command line. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2 || !arguments[0].equals("--bundle")) {
            System.err.println("usage: decide-lines --bundle FILE");
            System.exit(2);
        }
        LoadedBundle bundle = LoadedBundle.read(Files.readAllBytes(Path.of(arguments[1])), null, 0);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(JSON.writeValueAsString(answered(bundle, JSON.readTree(line))));
            out.flush();
        }
    }

    private static Map<String, String> answered(LoadedBundle bundle, JsonNode line) throws IOException {
        try {
            Map<String, Grant> grants = new HashMap<>();
            for (JsonNode grant : line.path("grants")) {
                Grant found = Grant.parseFrom(decoded(grant));
                grants.put(found.getId(), found);
            }
            BigInteger[] now = new BigInteger(line.path("now_nanos").asText()).divideAndRemainder(NANOS);
            Instant time = Instant.ofEpochSecond(now[0].longValueExact(), now[1].longValueExact());
            byte[] response = bundle.decider()
                    .decide(DecideRequest.parseFrom(decoded(line.path("request"))), time, grants::get).response().toByteArray();
            return Map.of("response", Base64.getEncoder().encodeToString(response));
        } catch (JingxiException error) {
            return Map.of("error", error.getMessage());
        }
    }

    private static byte[] decoded(JsonNode text) {
        return Base64.getDecoder().decode(text.asText());
    }
}
