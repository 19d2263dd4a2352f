package dev.jingxi.client.internal.messages;

import dev.jingxi.client.FieldsRequest;
import dev.jingxi.client.errors.AttributeValueException;
import dev.jingxi.client.internal.masks.Codes;
import dev.jingxi.pdp.v1.Action;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.Resource;
import dev.jingxi.pdp.v1.Subject;
import dev.jingxi.pdp.v1.Value;
import java.util.LinkedHashMap;
import java.util.Map;

/** From the caller's plain values to messages of the protocol. */
public final class Requests {
    private Requests() {}

    /** Returns a question about fields. Throws AttributeValueException. */
    public static DecideRequest decide(FieldsRequest request, String requestId) {
        DecideRequest.Builder builder = DecideRequest.newBuilder()
                .setRequestId(text("request_id", requestId))
                .setSubject(subject(request.subject(), typed("subject", request.subject().attributes())))
                .setAction(action(request.action(), typed("action", request.action().attributes())))
                .setResource(resource(request.resource(), typed("resource", request.resource().attributes())))
                .putAllContext(typed("context", request.context()))
                .setMinRevision(request.minRevision())
                .setMinGrantRevision(request.minGrantRevision());
        request.fields().forEach(field -> builder.addFields(text("fields", field)));
        request.grantIds().forEach(id -> builder.addGrantIds(text("grant_ids", id)));
        return builder.build();
    }

    // An empty map that is put into a message costs as much as one with a few entries.

    static Subject subject(dev.jingxi.client.Subject subject, Map<String, Value> attributes) {
        Subject.Builder builder = Subject.newBuilder().setId(text("subject.id", subject.id()));
        subject.roles().forEach(role -> builder.addRoles(text("subject.roles", role)));
        return (attributes.isEmpty() ? builder : builder.putAllAttributes(attributes)).build();
    }

    static Action action(dev.jingxi.client.Action action, Map<String, Value> attributes) {
        Action.Builder builder = Action.newBuilder().setName(text("action.name", action.name()));
        return (attributes.isEmpty() ? builder : builder.putAllAttributes(attributes)).build();
    }

    static Resource resource(dev.jingxi.client.Resource resource, Map<String, Value> attributes) {
        Resource.Builder builder = Resource.newBuilder()
                .setType(text("resource.type", resource.type()))
                .setId(text("resource.id", resource.id()));
        return (attributes.isEmpty() ? builder : builder.putAllAttributes(attributes)).build();
    }

    /** Returns a text that is no attribute. Throws AttributeValueException. */
    public static String text(String name, String value) {
        if (value == null || Codes.hasLoneSurrogate(value)) {
            throw new AttributeValueException("`" + name + "` is " + (value == null ? "null" : "a text with a lone surrogate"));
        }
        return value;
    }

    private static Map<String, Value> typed(String namespace, Map<String, Object> attributes) {
        Map<String, Value> found = new LinkedHashMap<>();
        attributes.forEach((name, value) -> {
            try {
                found.put(text("the name of an attribute", name), Values.of(value));
            } catch (AttributeValueException error) {
                throw new AttributeValueException("attribute `" + namespace + "." + name + "`: " + error.getMessage());
            }
        });
        return found;
    }
}
