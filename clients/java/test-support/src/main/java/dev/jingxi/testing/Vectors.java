package dev.jingxi.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The tables of cases that all languages share. */
public final class Vectors {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Vectors() {}

    /** Returns the folder of the tables. */
    public static Path folder() {
        return Settings.path("JINGXI_VECTORS", "../../../tests/vectors");
    }

    /** Returns one of the tables. */
    public static JsonNode load(String name) {
        return read(folder().resolve(name));
    }

    /** Returns the ids of cases that this language cannot do yet. */
    public static Set<String> gaps() {
        Set<String> found = new HashSet<>();
        load("gaps.json").path("java").forEach(id -> found.add(id.asText()));
        return found;
    }

    /** Returns a JSON file. */
    public static JsonNode read(Path file) {
        try {
            return JSON.readTree(Files.readAllBytes(file));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Returns JSON as maps, lists, texts, numbers (decimals as doubles), booleans and null. */
    public static Object plain(JsonNode node) {
        if (node == null || node.isNull() || node.isMissingNode()) {
            return null;
        }
        if (node.isObject()) {
            Map<String, Object> found = new LinkedHashMap<>();
            node.properties().forEach(entry -> found.put(entry.getKey(), plain(entry.getValue())));
            return found;
        }
        if (node.isArray()) {
            List<Object> found = new ArrayList<>();
            node.forEach(item -> found.add(plain(item)));
            return found;
        }
        if (node.isTextual()) {
            return node.asText();
        }
        if (node.isBoolean()) {
            return node.asBoolean();
        }
        return node.isIntegralNumber() ? (Object) (node.canConvertToLong() ? node.asLong() : node.bigIntegerValue())
                : (Object) node.asDouble();
    }

    /** Returns an object as a map. */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> object(JsonNode node) {
        Object found = plain(node);
        return found == null ? Map.of() : (Map<String, Object>) found;
    }
}
