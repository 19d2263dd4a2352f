package dev.jingxi.client.jackson;

import com.fasterxml.jackson.databind.JsonNode;
import dev.jingxi.client.Masked;

/** A masked copy of a tree, and what was decided about it. */
public final class MaskedTree {
    private final JsonNode message;
    private final Masked masked;

    MaskedTree(JsonNode message, Masked masked) {
        this.message = message;
        this.masked = masked;
    }

    /** {@return the masked copy} */
    public JsonNode message() {
        return message;
    }

    /** {@return decisions, obligations, problems, and whether it is a fallback} */
    public Masked masked() {
        return masked;
    }
}
