package dev.jingxi.client.offline.internal;

import com.google.protobuf.ByteString;
import dev.jingxi.client.errors.BundleException;
import dev.jingxi.client.errors.RequestRejectedException;
import dev.jingxi.client.errors.RevisionTooOldException;
import dev.jingxi.client.errors.UnknownMessageException;
import dev.jingxi.client.errors.Violation;
import dev.jingxi.client.offline.internal.PlannedRule.Result;
import dev.jingxi.pdp.v1.Bundle;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.FieldPaths;
import dev.jingxi.pdp.v1.Grant;
import dev.jingxi.pdp.v1.Mask;
import dev.jingxi.pdp.v1.MessageMap;
import dev.jingxi.pdp.v1.MessagePart;
import dev.jingxi.pdp.v1.MessageRef;
import dev.jingxi.pdp.v1.Policy;
import dev.jingxi.pdp.v1.Rule;
import dev.jingxi.pdp.v1.ScopeClause;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/** Decides by one bundle, as the service does. Immutable but for what it remembers; safe to share. */
public final class Decider {
    private static final int MAX_FIELDS = 512;
    private static final int MAX_GRANTS = 8;
    private static final int MAX_REQUEST_ID = 128;
    /** Lists of fields that are remembered; a system asks about few. */
    private static final int REMEMBERED = 1_024;

    private final long revision;
    private final String hash;
    private final Programs programs;
    private final List<PlannedPolicy> policies = new ArrayList<>();
    private final Map<MessageRef, Asked> messages = new HashMap<>();
    private final Map<List<String>, Asked> lists = new ConcurrentHashMap<>();
    private final Outcomes outcomes;
    private int ruleCount;
    private final Diagnostics diagnostics;

    /** Plans a bundle. Throws BundleException. */
    public Decider(Bundle bundle, long revision, String hash) {
        this.revision = revision;
        this.hash = hash;
        List<AttributeReader> attributes = new ArrayList<>();
        bundle.getAttributesList().forEach(attribute -> attributes.add(new AttributeReader(attribute)));
        this.programs = new Programs(attributes);
        this.outcomes = new Outcomes(bundle.getFieldsList(),
                DecideResponse.newBuilder().setRevision(revision).setPolicyHash(hash).build());
        Map<ByteString, Integer> shared = new HashMap<>();
        for (Policy policy : bundle.getPoliciesList()) {
            policies.add(planned(policy, shared));
        }
        for (MessageMap map : bundle.getMessageMapsList()) {
            for (MessagePart part : map.getPartsList()) {
                List<String> fields = new ArrayList<>();
                for (FieldPaths field : part.getFieldsList()) {
                    fields.add(field.getField());
                }
                messages.put(MessageRef.newBuilder().setApplication(map.getApplication()).setName(map.getName())
                        .setPart(part.getName()).build(), new Asked(fields, policies, outcomes));
            }
        }
        this.diagnostics = new Diagnostics(attributes);
    }

    private PlannedPolicy planned(Policy policy, Map<ByteString, Integer> shared) {
        List<ScopeCondition> scope = new ArrayList<>();
        for (ScopeClause clause : policy.getScopeList()) {
            Integer place = programs.places.get(clause.getAttribute());
            if (place == null) {
                throw new BundleException("wrong_format",
                        "policy `" + policy.getId() + "` names attribute `" + clause.getAttribute() + "`, which is not declared", null);
            }
            scope.add(new ScopeCondition(clause, place, programs.attributes[place].type()));
        }
        Conditions conditions = new Conditions(policy, programs, shared);
        List<PlannedRule> rules = new ArrayList<>();
        for (Rule rule : policy.getRulesList()) {
            int[] places = rule.getWhenList().stream().mapToInt(conditions::condition).toArray();
            Mask mask = rule.hasMask() ? outcomes.one(rule.getMask()) : null;
            rules.add(new PlannedRule(ruleCount++, policy.getId(), rule, mask, programs, places));
        }
        return new PlannedPolicy(scope.toArray(new ScopeCondition[0]), rules);
    }

    /** Returns the revision of the bundle. */
    public long revision() {
        return revision;
    }

    /** Returns the bundle's hash. */
    public String hash() {
        return hash;
    }

    /** Returns the dictionary's level of a field; empty for one that it lacks. */
    public String level(String field) {
        return outcomes.level(field);
    }

    /**
     * Returns the answer. `grants` gives the grants that exist. Throws RequestRejectedException for a request that the service
     * would refuse too.
     */
    public Answer decide(DecideRequest request, Instant now, Function<String, Grant> grants) {
        Asked asked = asked(request);
        check(request, asked.fields);
        Facts facts = new Facts(programs, request, now);
        List<Grant> counting = request.getGrantIdsCount() > 0 ? new ArrayList<>() : List.of();
        Diagnostics.Found found = diagnostics.begin(request, asked);
        if (request.getGrantIdsCount() > 0) {
            diagnostics.grants(request, now, grants, counting, found);
        }
        List<Result> results = new ArrayList<>();
        for (PlannedPolicy policy : asked.policies) {
            policy.evaluate(facts, counting, results);
        }
        diagnostics.undecided(results, found);
        return new Answer(outcomes.said(asked, results), request.getRequestId(), found.bounded());
    }

    /** Returns an answer in which every field is masked by its default mask. */
    Answer masked(DecideRequest request) {
        return new Answer(outcomes.masked(asked(request).fields), request.getRequestId(), List.of());
    }

    private Asked asked(DecideRequest request) {
        if (!request.hasMessage()) {
            List<String> fields = request.getFieldsList();
            Asked known = lists.get(fields);
            if (known == null) {
                known = new Asked(fields, policies, outcomes);
                if (lists.size() < REMEMBERED) {
                    lists.put(known.fields, known);
                }
            }
            return known;
        }
        if (request.getFieldsCount() > 0) {
            throw rejected("message", "excludes `fields`; send one of them");
        }
        MessageRef message = request.getMessage();
        Asked found = messages.get(message);
        if (found == null) {
            String shown = String.join(" ", message.getApplication(), message.getName(), message.getPart()).strip();
            Violation violation = new Violation("message", "no message map for `" + shown + "`");
            throw new UnknownMessageException("the bundle has no message map for `" + shown + "`", List.of(violation), null);
        }
        return found;
    }

    private void check(DecideRequest request, List<String> fields) {
        if (fields.isEmpty() || fields.size() > MAX_FIELDS) {
            throw rejected("fields", "has " + fields.size() + " entries, must have 1 to " + MAX_FIELDS);
        }
        if (request.getSubject().getId().isEmpty()) {
            throw rejected("subject.id", "is required");
        }
        if (request.getGrantIdsCount() > MAX_GRANTS) {
            throw rejected("grant_ids", "has " + request.getGrantIdsCount() + " entries, the limit is " + MAX_GRANTS);
        }
        if (request.getRequestIdBytes().size() > MAX_REQUEST_ID) {
            throw rejected("request_id", "is longer than " + MAX_REQUEST_ID + " bytes");
        }
        if (request.getMinRevision() > revision) {
            throw new RevisionTooOldException("the bundle in use is of revision " + revision + ", and "
                    + request.getMinRevision() + " is asked for", "FAILED_PRECONDITION", null);
        }
    }

    private static RequestRejectedException rejected(String field, String problem) {
        return new RequestRejectedException("`" + field + "` " + problem, List.of(new Violation(field, problem)), null);
    }
}
