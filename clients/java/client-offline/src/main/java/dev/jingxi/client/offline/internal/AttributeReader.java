package dev.jingxi.client.offline.internal;

import dev.jingxi.pdp.v1.AttributeDefinition;
import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.Grant;
import dev.jingxi.pdp.v1.Value;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** A declared attribute: reads its value out of a request by its declared type, as the CEL runtime takes it. */
final class AttributeReader {
    private static final BigInteger NANOS = BigInteger.valueOf(1_000_000_000L);
    private static final long FIRST_SECOND = Instant.parse("0001-01-01T00:00:00Z").getEpochSecond();
    private static final long LAST_SECOND = Instant.parse("9999-12-31T23:59:59Z").getEpochSecond();

    /** What holds an attribute. */
    private enum Source {
        SUBJECT_ID, SUBJECT_ROLES, ACTION_NAME, RESOURCE_TYPE, RESOURCE_ID,
        GRANT_ACTIVE, GRANT_KIND, GRANT_APPROVER, GRANT_APPROVER_LEVEL, GRANT_SCENARIO,
        SUBJECT, ACTION, RESOURCE, CONTEXT, NOTHING
    }

    private static final Map<String, Source> OWN = Map.of(
            "subject.id", Source.SUBJECT_ID, "subject.roles", Source.SUBJECT_ROLES, "action.name", Source.ACTION_NAME,
            "resource.type", Source.RESOURCE_TYPE, "resource.id", Source.RESOURCE_ID,
            "grant.active", Source.GRANT_ACTIVE, "grant.kind", Source.GRANT_KIND, "grant.approver", Source.GRANT_APPROVER,
            "grant.approver_level", Source.GRANT_APPROVER_LEVEL, "grant.scenario", Source.GRANT_SCENARIO);
    private static final Map<String, Source> NAMESPACES = Map.of(
            "subject", Source.SUBJECT, "action", Source.ACTION, "resource", Source.RESOURCE, "context", Source.CONTEXT);

    final String name;
    private final String root;
    private final String key;
    private final Source source;
    private final AttributeType type;
    private final Object byDefault;
    private final boolean isNow;
    private final boolean isOfGrant;

    AttributeReader(AttributeDefinition definition) {
        this.name = definition.getName();
        int dot = name.indexOf('.');
        this.root = dot < 0 ? name : name.substring(0, dot);
        this.key = name.substring(dot + 1);
        this.source = OWN.getOrDefault(name, NAMESPACES.getOrDefault(root, Source.NOTHING));
        this.type = definition.getType();
        this.isNow = name.equals("now");
        this.isOfGrant = root.equals("grant");
        this.byDefault = definition.hasDefaultValue() ? value(definition.getDefaultValue(), type) : null;
    }

    /** Returns whether requests say nothing about it: the time and the grant. */
    boolean isBuiltIn() {
        return isNow || isOfGrant;
    }

    boolean isNow() {
        return isNow;
    }

    boolean isOfGrant() {
        return isOfGrant;
    }

    String root() {
        return root;
    }

    String key() {
        return key;
    }

    AttributeType type() {
        return type;
    }

    /** Returns the value in a request, its default, or null when it is lacking. */
    Object read(DecideRequest request) {
        switch (source) {
            case SUBJECT_ID:
                return text(request.getSubject().getId());
            case SUBJECT_ROLES:
                return List.copyOf(request.getSubject().getRolesList());
            case ACTION_NAME:
                return text(request.getAction().getName());
            case RESOURCE_TYPE:
                return text(request.getResource().getType());
            case RESOURCE_ID:
                return text(request.getResource().getId());
            case SUBJECT:
                return declared(request.getSubject().getAttributesMap());
            case ACTION:
                return declared(request.getAction().getAttributesMap());
            case RESOURCE:
                return declared(request.getResource().getAttributesMap());
            case CONTEXT:
                return declared(request.getContextMap());
            default:
                return byDefault;
        }
    }

    /** Returns what it says about a grant; null for none. */
    Object ofGrant(Grant grant) {
        switch (source) {
            case GRANT_ACTIVE:
                return grant != null;
            case GRANT_KIND:
                return grant == null ? "" : grant.getKind();
            case GRANT_APPROVER:
                return grant == null ? "" : grant.getApprover();
            case GRANT_APPROVER_LEVEL:
                return grant == null ? 0L : grant.getApproverLevel();
            case GRANT_SCENARIO:
                return grant == null ? "" : grant.getScenario();
            default:
                return null;
        }
    }

    private Object text(String value) {
        return value.isEmpty() ? byDefault : value;
    }

    private Object declared(Map<String, Value> attributes) {
        Value found = attributes.get(key);
        return found == null || found.getKindCase() == Value.KindCase.KIND_NOT_SET ? byDefault : value(found, type);
    }

    /** Returns what a value holds; null when it is of another kind or out of the type's range. */
    static Object value(Value value, AttributeType type) {
        switch (type) {
            case ATTRIBUTE_TYPE_STRING:
                return value.hasStringValue() ? value.getStringValue() : null;
            case ATTRIBUTE_TYPE_INT:
                return value.hasIntValue() ? (Object) value.getIntValue() : null;
            case ATTRIBUTE_TYPE_DOUBLE:
                return value.hasDoubleValue() ? (Object) value.getDoubleValue() : null;
            case ATTRIBUTE_TYPE_BOOL:
                return value.hasBoolValue() ? (Object) value.getBoolValue() : null;
            case ATTRIBUTE_TYPE_TIMESTAMP:
                return value.hasTimestampValue() ? timestamp(value.getTimestampValue()) : null;
            case ATTRIBUTE_TYPE_DURATION:
                return value.hasDurationValue() ? duration(value.getDurationValue()) : null;
            case ATTRIBUTE_TYPE_STRING_LIST:
                return value.hasStringList() ? List.copyOf(value.getStringList().getValuesList()) : null;
            case ATTRIBUTE_TYPE_INT_LIST:
                return value.hasIntList() ? List.copyOf(value.getIntList().getValuesList()) : null;
            case ATTRIBUTE_TYPE_DOUBLE_LIST:
                return value.hasDoubleList() ? List.copyOf(value.getDoubleList().getValuesList()) : null;
            case ATTRIBUTE_TYPE_STRING_MAP:
                return value.hasStringMap() ? value.getStringMap().getEntriesMap() : null;
            default:
                return null;
        }
    }

    private static Instant timestamp(com.google.protobuf.Timestamp source) {
        boolean fits = source.getNanos() >= 0 && source.getNanos() < 1_000_000_000
                && source.getSeconds() >= FIRST_SECOND && source.getSeconds() <= LAST_SECOND;
        return fits ? Instant.ofEpochSecond(source.getSeconds(), source.getNanos()) : null;
    }

    private static Duration duration(com.google.protobuf.Duration source) {
        long seconds = source.getSeconds();
        int nanos = source.getNanos();
        boolean sameSign = nanos > -1_000_000_000 && nanos < 1_000_000_000
                && !(seconds > 0 && nanos < 0) && !(seconds < 0 && nanos > 0);
        BigInteger all = BigInteger.valueOf(seconds).multiply(NANOS).add(BigInteger.valueOf(nanos));
        return sameSign && all.bitLength() <= 63 ? Duration.ofSeconds(seconds, nanos) : null;
    }
}
