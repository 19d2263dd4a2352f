package dev.jingxi.client.internal.messages;

import dev.jingxi.pdp.v1.AttributePath;
import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.FieldPaths;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.MessagePart;
import dev.jingxi.pdp.v1.MessageRef;
import dev.jingxi.pdp.v1.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Where fields and attributes sit in a message, with the declared types of all attributes; its paths are read. */
public final class MappedMessage {
    /** What a request holds outside its attributes; a message may not speak about who asks and what for. */
    private static final Set<String> BUILT_IN =
            Set.of("subject.id", "subject.roles", "action.name", "resource.type", "resource.id");
    private static final Set<String> NAMESPACES = Set.of("subject", "action", "resource", "context");

    final List<Part> parts;
    private final GetMessageMapResponse source;
    private final Value applicationValue;
    private final Map<String, AttributeType> types;
    /** The same by namespace and name. */
    private final Map<String, Map<String, AttributeType>> declared = new HashMap<>();

    /** Reads a map. Throws PathException. */
    public MappedMessage(GetMessageMapResponse source) {
        this.source = source;
        this.applicationValue = Value.newBuilder().setStringValue(application()).build();
        this.types = new HashMap<>(source.getAttributeTypesMap());
        types.forEach((dotted, type) -> {
            int dot = dotted.indexOf('.');
            declared.computeIfAbsent(dotted.substring(0, Math.max(dot, 0)), namespace -> new HashMap<>())
                    .put(dotted.substring(dot + 1), type);
        });
        List<Part> found = new ArrayList<>();
        for (MessagePart part : source.getMessageMap().getPartsList()) {
            found.add(new Part(part, types, MessageRef.newBuilder()
                    .setApplication(application()).setName(name()).setPart(part.getName()).build()));
        }
        this.parts = List.copyOf(found);
    }

    /** The fields and attributes of the message itself, or of each item of one of its lists. */
    static final class Part {
        final MessagePart source;
        final String name;
        /** How requests name it. */
        final MessageRef reference;
        final Path path;
        /** Null where the map has none. */
        final Attribute resourceId;
        final List<Field> fields = new ArrayList<>();
        final List<Attribute> attributes = new ArrayList<>();
        final Member.Holders holders = new Member.Holders();

        Part(MessagePart source, Map<String, AttributeType> types, MessageRef reference) {
            this.source = source;
            this.name = source.getName();
            this.reference = reference;
            this.path = Path.parse(source.getPath().isEmpty() ? "$" : source.getPath());
            this.resourceId = source.getResourceId().isEmpty() ? null : new Attribute(
                    "resource.id", Path.parse(source.getResourceId()), AttributeType.ATTRIBUTE_TYPE_STRING, holders);
            for (FieldPaths field : source.getFieldsList()) {
                fields.add(new Field(field, holders));
            }
            for (AttributePath attribute : source.getAttributesList()) {
                String own = attribute.getAttribute();
                attributes.add(new Attribute(own, Path.parse(attribute.getPath()), types.get(own), holders));
            }
        }
    }

    /** A field and the paths to it. */
    static final class Field {
        final String name;
        final List<Path> paths = new ArrayList<>();
        /** Its path, where there is one and it leads to one place; else null. */
        final Member only;
        /** The field in a message that holds it at that place. */
        final Question.Located present;
        /** The field in a message that does not hold it. */
        final Question.Located absent;

        Field(FieldPaths source, Member.Holders holders) {
            this.name = source.getField();
            for (String text : source.getPathsList()) {
                paths.add(Path.parse(text));
            }
            this.only = paths.size() == 1 ? holders.member(paths.get(0)) : null;
            this.present = only == null ? null : new Question.Located(name, List.of(only.inMessage));
            this.absent = new Question.Located(name, List.of());
        }
    }

    /** An attribute and the path to it. */
    static final class Attribute {
        final String name;
        final Path path;
        /** The path, where it leads to one place; else null. */
        final Member only;
        /** As the policy set declares it; null where it does not. */
        final AttributeType type;
        /** What stands before the dot of the name, and after it. */
        final String namespace;
        final String local;
        /** Whether a message may speak about it. */
        final boolean isReadable;
        final boolean isOfResource;

        Attribute(String name, Path path, AttributeType type, Member.Holders holders) {
            int dot = name.indexOf('.');
            this.name = name;
            this.path = path;
            this.only = holders.member(path);
            this.type = type;
            this.namespace = name.substring(0, Math.max(dot, 0));
            this.local = name.substring(dot + 1);
            this.isReadable = type != null && !BUILT_IN.contains(name) && NAMESPACES.contains(namespace);
            this.isOfResource = namespace.equals("resource");
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

    /** Returns the same as the value of an attribute. */
    Value applicationValue() {
        return applicationValue;
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
