package dev.jingxi.client.offline.internal;

import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.Grant;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;

/** What conditions know: the attributes of one request, the time, and a grant. Each attribute is read when it is used. */
final class Facts {
    private static final Object LACKING = new Object();

    private final Map<String, AttributeReader> declared;
    private final DecideRequest request;
    private final Instant now;
    private final Grant grant;
    private final Map<String, Object> known;

    Facts(Map<String, AttributeReader> declared, DecideRequest request, Instant now) {
        this(declared, request, now, null, new HashMap<>());
    }

    private Facts(Map<String, AttributeReader> declared, DecideRequest request, Instant now, Grant grant,
            Map<String, Object> known) {
        this.declared = declared;
        this.request = request;
        this.now = now;
        this.grant = grant;
        this.known = known;
    }

    /** Returns the same facts under a grant; null for none. */
    Facts under(Grant other) {
        return other == grant ? this : new Facts(declared, request, now, other, known);
    }

    Grant grant() {
        return grant;
    }

    /** Returns an attribute's value; null when it is lacking or not declared. */
    Object get(String name) {
        if (name.startsWith("grant.")) {
            return ofGrant(name);
        }
        if (name.equals("now")) {
            return now;
        }
        Object value = known.get(name);
        if (value == null) {
            AttributeReader reader = declared.get(name);
            Object read = reader == null ? null : reader.read(request);
            value = read == null ? LACKING : read;
            known.put(name, value);
        }
        return value == LACKING ? null : value;
    }

    private Object ofGrant(String name) {
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
}
