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

    final String name;
    private final String root;
    private final String key;
    private final AttributeType type;
    private final Object byDefault;
    private final boolean isNow;
    private final boolean isOfGrant;

    AttributeReader(AttributeDefinition source) {
        this.name = source.getName();
        int dot = name.indexOf('.');
        this.root = dot < 0 ? name : name.substring(0, dot);
        this.key = name.substring(dot + 1);
        this.type = source.getType();
        this.isNow = name.equals("now");
        this.isOfGrant = root.equals("grant");
        this.byDefault = source.hasDefaultValue() ? value(source.getDefaultValue(), type) : null;
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
        switch (name) {
            case "subject.id":
                return text(request.getSubject().getId());
            case "subject.roles":
                return request.getSubject().getRolesList();
            case "action.name":
                return text(request.getAction().getName());
            case "resource.type":
                return text(request.getResource().getType());
            case "resource.id":
                return text(request.getResource().getId());
            default:
                Value found = attributes(request).get(key);
                return found == null || found.getKindCase() == Value.KindCase.KIND_NOT_SET ? byDefault : value(found, type);
        }
    }

    /** Returns what it says about a grant; null for none. */
    Object ofGrant(Grant grant) {
        switch (name) {
            case "grant.active":
                return grant != null;
            case "grant.kind":
                return grant == null ? "" : grant.getKind();
            case "grant.approver":
                return grant == null ? "" : grant.getApprover();
            case "grant.approver_level":
                return grant == null ? 0L : grant.getApproverLevel();
            case "grant.scenario":
                return grant == null ? "" : grant.getScenario();
            default:
                return null;
        }
    }

    private Object text(String value) {
        return value.isEmpty() ? byDefault : value;
    }

    private Map<String, Value> attributes(DecideRequest request) {
        switch (root) {
            case "subject":
                return request.getSubject().getAttributesMap();
            case "action":
                return request.getAction().getAttributesMap();
            case "resource":
                return request.getResource().getAttributesMap();
            case "context":
                return request.getContextMap();
            default:
                return Map.of();
        }
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
