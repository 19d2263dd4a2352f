package dev.jingxi.client.internal.messages;

import dev.jingxi.pdp.v1.AttributePath;
import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.FieldPaths;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.MessagePart;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Where fields and attributes sit in a message, with the declared types of all attributes; its paths are read. */
public final class MappedMessage {
    final List<Part> parts;
    private final GetMessageMapResponse source;
    private final Map<String, AttributeType> types;
    /** The same by namespace and name. */
    private final Map<String, Map<String, AttributeType>> declared = new HashMap<>();

    /** Reads a map. Throws PathException. */
    public MappedMessage(GetMessageMapResponse source) {
        this.source = source;
        this.types = new HashMap<>(source.getAttributeTypesMap());
        types.forEach((dotted, type) -> {
            int dot = dotted.indexOf('.');
            declared.computeIfAbsent(dotted.substring(0, Math.max(dot, 0)), namespace -> new HashMap<>())
                    .put(dotted.substring(dot + 1), type);
        });
        List<Part> found = new ArrayList<>();
        for (MessagePart part : source.getMessageMap().getPartsList()) {
            found.add(new Part(part));
        }
        this.parts = List.copyOf(found);
    }

    /** The fields and attributes of the message itself, or of each item of one of its lists. */
    static final class Part {
        final MessagePart source;
        final String name;
        final Path path;
        final Path resourceId;
        final List<Field> fields = new ArrayList<>();
        final List<Attribute> attributes = new ArrayList<>();

        Part(MessagePart source) {
            this.source = source;
            this.name = source.getName();
            this.path = Path.parse(source.getPath().isEmpty() ? "$" : source.getPath());
            this.resourceId = source.getResourceId().isEmpty() ? null : Path.parse(source.getResourceId());
            for (FieldPaths field : source.getFieldsList()) {
                fields.add(new Field(field));
            }
            for (AttributePath attribute : source.getAttributesList()) {
                attributes.add(new Attribute(attribute.getAttribute(), Path.parse(attribute.getPath())));
            }
        }
    }

    /** A field and the paths to it. */
    static final class Field {
        final String name;
        final List<Path> paths = new ArrayList<>();

        Field(FieldPaths source) {
            this.name = source.getField();
            for (String text : source.getPathsList()) {
                paths.add(Path.parse(text));
            }
        }
    }

    /** An attribute and the path to it. */
    static final class Attribute {
        final String name;
        final Path path;
        /** What stands before the dot of the name, and after it. */
        final String namespace;
        final String local;

        Attribute(String name, Path path) {
            int dot = name.indexOf('.');
            this.name = name;
            this.path = path;
            this.namespace = name.substring(0, Math.max(dot, 0));
            this.local = name.substring(dot + 1);
        }
    }

    /** Returns the declared types of a namespace by name. */
    Map<String, AttributeType> types(String namespace) {
        return declared.getOrDefault(namespace, Map.of());
    }

    AttributeType type(String attribute) {
        return types.get(attribute);
    }

    /** Returns the map as the service sent it. */
    public GetMessageMapResponse source() {
        return source;
    }

    /** Returns the application that the message is of. */
    public String application() {
        return source.getMessageMap().getApplication();
    }

    /** Returns the message's name. */
    public String name() {
        return source.getMessageMap().getName();
    }

    /** Returns the policy set that the map is of. */
    public String policyHash() {
        return source.getPolicyHash();
    }

    /** Returns whether both ask and mask alike, whatever policy set they come from. */
    public boolean agreesWith(MappedMessage other) {
        return source.getMessageMap().getPartsList().equals(other.source.getMessageMap().getPartsList())
                && types.equals(other.types);
    }
}
