package dev.jingxi.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jingxi.testing.Service;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.web.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

class CounterTest {
    private static final int MOST_LINES = 50;

    @TempDir
    Path folder;

    @Test
    void before() throws Exception {
        try (ConfigurableApplicationContext system = run(dev.jingxi.examples.before.CounterApplication.class)) {
            assertEquals("11010519491231002X", look(system, "T1001").path("customer").path("id_no").asText());
        }
    }

    @Test
    void after() throws Exception {
        try (Service service = Service.start(folder.resolve("service"));
                ConfigurableApplicationContext system = run(dev.jingxi.examples.after.CounterApplication.class,
                        "--jingxi.targets=" + service.address(), "--jingxi.state-folder=" + folder.resolve("state"),
                        "--jingxi.deadline=20s")) {
            JsonNode shown = look(system, "T1001");
            assertEquals("C2001", shown.path("customer").path("no").asText());
            String number = shown.path("customer").path("id_no").asText();
            assertNotEquals("11010519491231002X", number);
            assertTrue(number.contains("*"), number);
            service.kill();
            JsonNode without = look(system, "T1001");
            assertEquals("C2001", without.path("customer").path("no").asText(), "the transaction goes on");
            assertTrue(Files.exists(folder.resolve("state/fallbacks/00000001.log")), "and is on record");
        }
    }

    @Test
    void fewLinesConnectIt() throws IOException {
        int changed = lines("src/main/resources/application-masked.yaml").size();
        for (String name : List.of("CounterApplication", "CustomerController", "CustomerStore", "Tellers")) {
            changed += changed(lines("src/main/java/dev/jingxi/examples/before/" + name + ".java"),
                    lines("src/main/java/dev/jingxi/examples/after/" + name + ".java"));
        }
        assertTrue(changed > 10 && changed <= MOST_LINES, changed + " lines were added, removed or changed");
    }

    private static List<String> lines(String file) throws IOException {
        try (Stream<String> all = Files.lines(Path.of(file))) {
            // That the system before is kept from connecting itself is no part of it.
            return all.filter(line -> !line.isBlank() && !line.startsWith("package ") && !line.contains("JingxiAutoConfiguration")
                    && !line.startsWith("@SpringBootApplication")).toList();
        }
    }

    /** The lines of both that are in no longest common subsequence. */
    private static int changed(List<String> before, List<String> after) {
        int[][] common = new int[before.size() + 1][after.size() + 1];
        for (int i = before.size() - 1; i >= 0; i--) {
            for (int j = after.size() - 1; j >= 0; j--) {
                common[i][j] = before.get(i).equals(after.get(j)) ? common[i + 1][j + 1] + 1
                        : Math.max(common[i + 1][j], common[i][j + 1]);
            }
        }
        return before.size() + after.size() - 2 * common[0][0];
    }

    private static ConfigurableApplicationContext run(Class<?> application, String... more) {
        String[] arguments = Stream.concat(Stream.of("--server.port=0", "--spring.main.banner-mode=off"), Stream.of(more))
                .toArray(String[]::new);
        return SpringApplication.run(application, arguments);
    }

    private static JsonNode look(ConfigurableApplicationContext system, String teller) throws Exception {
        int port = ((WebServerApplicationContext) system).getWebServer().getPort();
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/customers/C2001"))
                .header("X-Teller", teller).build();
        HttpResponse<String> response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        assertEquals(200, response.statusCode(), response.body());
        return new ObjectMapper().readTree(response.body());
    }
}
