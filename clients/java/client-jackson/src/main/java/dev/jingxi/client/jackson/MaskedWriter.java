package dev.jingxi.client.jackson;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.ser.BeanPropertyWriter;
import com.fasterxml.jackson.databind.util.TokenBuffer;
import dev.jingxi.client.Keys;
import dev.jingxi.client.Mask;
import dev.jingxi.client.Masks;

/** Writes a property as the decision at hand says. */
final class MaskedWriter extends BeanPropertyWriter {
    private static final long serialVersionUID = 1L;

    private final String field;

    MaskedWriter(BeanPropertyWriter source, String field) {
        super(source);
        this.field = field;
    }

    @Override
    public void serializeAsField(Object bean, JsonGenerator out, SerializerProvider provider) throws Exception {
        Object found = provider.getAttribute(Decided.class);
        Decided decided = found instanceof Decided ? (Decided) found : null;
        if (decided != null && decided.collects()) {
            decided.collect(field);
        } else if (decided != null && decided.unmasked(field)) {
            super.serializeAsField(bean, out, provider);
            return;
        }
        JsonNode value = value(bean, provider);
        if (value == null) {
            return; // the bean leaves it out
        }
        Object shown = decided == null ? Masks.apply(Mask.FULL, Trees.plain(value), Keys.none())
                : decided.shown(field, Trees.plain(value));
        if (shown != Masks.DROP) {
            out.writeFieldName(getName());
            provider.defaultSerializeValue(shown, out);
        }
    }

    @Override
    public void serializeAsElement(Object bean, JsonGenerator out, SerializerProvider provider) throws Exception {
        // As an item of a list it cannot be left out.
        JsonNode value = value(bean, provider);
        Object found = provider.getAttribute(Decided.class);
        Decided decided = found instanceof Decided ? (Decided) found : null;
        Object plain = value == null ? null : Trees.plain(value);
        Object shown = decided == null ? Masks.apply(Mask.FULL, plain, Keys.none()) : decided.shown(field, plain);
        provider.defaultSerializeValue(shown == Masks.DROP ? null : shown, out);
    }

    /** Returns what the property would be written as; null when it would be left out. */
    private JsonNode value(Object bean, SerializerProvider provider) throws Exception {
        try (TokenBuffer buffer = new TokenBuffer(Trees.MAPPER, false)) {
            buffer.writeStartObject();
            super.serializeAsField(bean, buffer, provider);
            buffer.writeEndObject();
            JsonNode object = Trees.MAPPER.readTree(buffer.asParser());
            return object.get(getName());
        }
    }
}
