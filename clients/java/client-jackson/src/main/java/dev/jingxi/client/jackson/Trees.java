package dev.jingxi.client.jackson;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Jackson trees as the plain values that a client takes, and back. */
public final class Trees {
    /** Jackson would make 1.5 of 1.50. */
    static final ObjectMapper MAPPER = JsonMapper.builder().disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES).build();

    private Trees() {}

    /**
     * {@return a masked copy of a tree, and what was decided about it}
     *
     * @param client who masks
     * @param message the tree; it is not changed
     * @param request its map, who asks, and what is known besides
     */
    public static MaskedTree mask(JingxiClient client, JsonNode message, MaskRequest request) {
        Masked masked = client.mask(plain(message), request);
        return new MaskedTree(tree(masked.message()), masked);
    }

    /**
     * {@return a tree as maps, lists, texts, numbers, booleans and null}
     *
     * <p>Decimals have the digits that the tree has: read it with {@code USE_BIG_DECIMAL_FOR_FLOATS} and without
     * {@code STRIP_TRAILING_BIGDECIMAL_ZEROES} to keep those of the text.
     *
     * @param node the tree
     */
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
            List<Object> found = new ArrayList<>(node.size());
            node.forEach(item -> found.add(plain(item)));
            return found;
        }
        if (node.isNumber()) {
            return node.numberValue();
        }
        return node.isBoolean() ? (Object) node.booleanValue() : node.asText();
    }

    /**
     * {@return plain values as a tree}
     *
     * @param value maps, lists, texts, numbers, booleans and null
     */
    public static JsonNode tree(Object value) {
        return MAPPER.valueToTree(value);
    }
}
