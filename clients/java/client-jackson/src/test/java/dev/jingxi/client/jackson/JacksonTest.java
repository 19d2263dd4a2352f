package dev.jingxi.client.jackson;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.jingxi.client.Action;
import dev.jingxi.client.Decision;
import dev.jingxi.client.FieldsRequest;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.Keys;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masks;
import dev.jingxi.client.Resource;
import dev.jingxi.client.Subject;
import dev.jingxi.testing.Service;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JacksonTest {
    private static final Subject TELLER =
            Subject.of("T1001").roles("teller").with("level", 2L).with("branch", "320400001");
    private static final ObjectMapper MAPPER = new ObjectMapper().registerModule(new JingxiModule());
    private static Service service;
    private static JingxiClient client;

    @TempDir
    static Path folder;

    static class Contact {
        @Masked(field = "mobile")
        public String mobile = "13900139000";
    }

    static class Customer {
        public String no = "C2001";
        @Masked(field = "mobile")
        public String mobile = "13812348000";
        @Masked(field = "card_cvv")
        @JsonProperty("cvv")
        public int code = 123;
        @JsonInclude(JsonInclude.Include.NON_NULL)
        @Masked(field = "email")
        public String email;
        @Masked(field = "nowhere")
        public BigDecimal unknown = new BigDecimal("1.50");
        public List<Contact> contacts = List.of(new Contact());
        private final String name = "张三丰";

        @Masked(field = "name")
        public String getName() {
            return name;
        }
    }

    @BeforeAll
    static void start() {
        service = Service.shared(folder);
        client = JingxiClient.builder(service.address()).deadline(Duration.ofSeconds(30)).build();
    }

    @AfterAll
    static void end() {
        client.close();
        service.close();
    }

    @Test
    void withoutADecisionNothingIsShown() throws IOException {
        JsonNode written = MAPPER.readTree(MAPPER.writeValueAsString(new Customer()));
        assertEquals("C2001", written.path("no").asText());
        for (String field : List.of("mobile", "cvv", "unknown", "name")) {
            assertEquals("***", written.path(field).asText(), field);
        }
        assertEquals("***", written.path("contacts").path(0).path("mobile").asText());
        assertFalse(written.has("email"));
    }

    @Test
    void beansAreWrittenAsTheServiceDecides() throws IOException {
        Customer customer = new Customer();
        FieldsRequest request = FieldsRequest.of(TELLER, "mobile", "name").action(Action.of("query"))
                .resource(Resource.of("customer", "C2001").with("customer_class", "standard").with("branch", "320400001"))
                .context(Map.of("application", "core-counter", "menu", "1201", "channel", "counter",
                        "scenario", "processing"));
        Decision decision = client.decide(request);
        String json = new BeanMasking(client, new ObjectMapper(), Keys.none()).write(customer, request);
        JsonNode written = MAPPER.readTree(json);
        assertEquals("C2001", written.path("no").asText());
        assertEquals(shown(decision, "mobile", "13812348000"), written.path("mobile").asText());
        assertEquals(shown(decision, "mobile", "13900139000"), written.path("contacts").path(0).path("mobile").asText());
        assertEquals(shown(decision, "name", "张三丰"), written.path("name").asText());
        assertNotEquals("***", written.path("name").asText());
        assertEquals("***", written.path("cvv").asText());
        assertEquals("***", written.path("unknown").asText());
        assertEquals("13812348000", customer.mobile);
    }

    private static Object shown(Decision decision, String field, String value) {
        return decision.verdict(field).get().mask().map(mask -> Masks.apply(mask, value, Keys.none())).orElse(value);
    }

    @Test
    void beansWithoutSensitivePropertiesAskNobody() throws IOException {
        assertEquals("{\"a\":1}", new BeanMasking(null, MAPPER, Keys.none()).write(Map.of("a", 1), FieldsRequest.of(TELLER)));
    }

    @Test
    void treesAreMaskedAndNotChanged() {
        JsonNode message = Service.sample("core-counter.customer-detail.json");
        JsonNode before = message.deepCopy();
        MaskedTree masked = Trees.mask(client, message, MaskRequest.of("core-counter", "customer-detail", TELLER)
                .action(Action.of("query")).context(Map.of("menu", "1201", "channel", "counter")));
        assertEquals(before, message);
        assertNotEquals(before, masked.message());
        assertEquals("C2001", masked.message().path("customer").path("no").asText());
        assertEquals(before.path("customer").path("gender"), masked.message().path("customer").path("gender"));
        assertTrue(masked.masked().fallback().isEmpty());
    }

    @Test
    void decimalsKeepTheirDigits() throws IOException {
        ObjectMapper exact = JsonMapper.builder().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES).build();
        JsonNode tree = exact.readTree("{\"a\":1.50,\"b\":[1,true,null,\"x\"],\"c\":12345678901234567890}");
        Object plain = Trees.plain(tree);
        assertEquals(new BigDecimal("1.50"), ((Map<?, ?>) plain).get("a"));
        assertEquals(tree.path("b"), Trees.tree(plain).path("b"));
        assertEquals("12345678901234567890", Trees.tree(plain).path("c").asText());
    }
}
