package dev.jingxi.client.internal.masks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import com.fasterxml.jackson.databind.JsonNode;
import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.errors.MaskUnavailableException;
import dev.jingxi.testing.Vectors;
import java.time.LocalDate;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.bouncycastle.util.encoders.Hex;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** tests/vectors/masking.json. */
class MaskVectorsTest {
    private static final Map<String, Object> DROPPED = Map.of("drop", true);

    @TestFactory
    Stream<DynamicTest> cases() {
        Set<String> gaps = Vectors.gaps();
        JsonNode cases = Vectors.load("masking.json").path("cases");
        return StreamSupport.stream(cases.spliterator(), false).map(one -> DynamicTest.dynamicTest(
                one.path("id").asText(), () -> {
                    Object expected = Vectors.plain(one.path("expected"));
                    if (gaps.contains(one.path("id").asText())) {
                        assertNotEquals(expected, shown(one));
                    } else {
                        assertEquals(expected, shown(one));
                    }
                }));
    }

    /** Whose numbers have digits, years or letters of their own. */
    @ParameterizedTest
    @ValueSource(strings = {"th-TH-u-ca-buddhist-nu-thai", "ar-EG-u-nu-arab", "fa-IR-u-ca-persian-nu-arabext", "tr-TR"})
    void theLanguageOfTheMachineChangesNothing(String language) {
        Locale usual = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag(language));
        try {
            cases().forEach(MaskVectorsTest::run);
        } finally {
            Locale.setDefault(usual);
        }
    }

    private static void run(DynamicTest test) {
        try {
            test.getExecutable().execute();
        } catch (Throwable failure) {
            throw new AssertionError(test.getDisplayName(), failure);
        }
    }

    private static Object shown(JsonNode one) {
        Object value = Vectors.plain(one.path("value"));
        Object before = dev.jingxi.client.internal.messages.Documents.copied(value);
        Object shown;
        try {
            shown = MaskCatalogue.masker(one.path("algorithm").asText(), Vectors.object(one.path("parameters")), setting(one))
                    .apply(value);
        } catch (MaskUnavailableException dropped) {
            shown = Masker.DROP;
        }
        assertEquals(before, value, "a mask changes nothing in place");
        return shown == Masker.DROP ? DROPPED : shown;
    }

    private static MaskSetting setting(JsonNode one) {
        Map<String, byte[]> keys = new HashMap<>();
        one.path("keys").properties().forEach(
                key -> keys.put(key.getKey(), Base64.getDecoder().decode(key.getValue().asText())));
        KeyProvider provider = keys::get;
        LocalDate today = one.has("today") ? LocalDate.parse(one.path("today").asText()) : LocalDate.now();
        byte[] nonce = Hex.decode(one.path("nonce").asText());
        return new MaskSetting(provider, () -> today, out -> System.arraycopy(nonce, 0, out, 0, out.length));
    }

    @TestFactory
    List<DynamicTest> whatIsEncryptedReadsBack() {
        KeyProvider keys = id -> id.equals("k") ? new byte[16] : null;
        Map<String, Object> aes = Map.of("key", "k");
        Map<String, Object> sm4 = Map.of("key", "k", "cipher", "sm4-gcm");
        return List.of(
                DynamicTest.dynamicTest("aes", () -> reads(aes, keys)), DynamicTest.dynamicTest("sm4", () -> reads(sm4, keys)));
    }

    private static void reads(Map<String, Object> parameters, KeyProvider keys) {
        String text = (String) MaskCatalogue.masker("encrypt", parameters, MaskSetting.of(keys)).apply("张三 13812348000");
        assertEquals("张三 13812348000", Ciphers.decrypt(text, keys));
        assertNotEquals(text, MaskCatalogue.masker("encrypt", parameters, MaskSetting.of(keys)).apply("张三 13812348000"));
        for (int i = 0; i < text.length() - 1; i++) {
            String changed = text.substring(0, i) + (text.charAt(i) == 'A' ? 'B' : 'A') + text.substring(i + 1);
            org.junit.jupiter.api.Assertions.assertThrows(
                    MaskUnavailableException.class, () -> Ciphers.decrypt(changed, keys), "character " + i);
        }
    }

    @TestFactory
    Stream<DynamicTest> formatPreservedValuesReadBack() {
        KeyProvider keys = id -> new byte[32];
        return Stream.of("digits 622202-1234567890123", "alnum AB12-34", "alnum-case aB12xyz 张").map(line -> {
            String[] parts = line.split(" ", 2);
            return DynamicTest.dynamicTest(parts[0], () -> {
                Map<String, Object> parameters = Map.of("key", "k", "alphabet", parts[0], "tweak", "t");
                String shown = (String) MaskCatalogue.masker("fpe", parameters, MaskSetting.of(keys)).apply(parts[1]);
                assertNotEquals(parts[1], shown);
                assertEquals(parts[1], FormatPreserving.decrypt(parameters, shown, keys));
            });
        });
    }
}
