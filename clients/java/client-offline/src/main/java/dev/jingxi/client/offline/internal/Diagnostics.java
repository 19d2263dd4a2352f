package dev.jingxi.client.offline.internal;

import dev.jingxi.client.offline.internal.PlannedRule.Result;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.Diagnostic;
import dev.jingxi.pdp.v1.DiagnosticCode;
import dev.jingxi.pdp.v1.Grant;
import dev.jingxi.pdp.v1.Value;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/** What is noteworthy about a decision, in the order that docs/guides/client-contract.md gives. */
final class Diagnostics {
    private static final int MOST = 32;
    private static final Set<String> OWN =
            Set.of("subject.id", "subject.roles", "action.name", "resource.type", "resource.id");

    private final Map<String, Set<String>> declared = new HashMap<>();

    Diagnostics(List<AttributeReader> attributes) {
        for (AttributeReader attribute : attributes) {
            if (!attribute.isBuiltIn() && !OWN.contains(attribute.name)) {
                declared.computeIfAbsent(attribute.root(), root -> new java.util.HashSet<>()).add(attribute.key());
            }
        }
    }

    /** The diagnostics of one decision. */
    static final class Found {
        private final List<Diagnostic> all = new ArrayList<>(0);

        private void add(DiagnosticCode code, String subject, String message, Collection<String> attributes) {
            all.add(Diagnostic.newBuilder().setCode(code).setSubject(subject).setMessage(message)
                    .addAllAttributes(attributes).build());
        }

        List<Diagnostic> bounded() {
            if (all.size() <= MOST) {
                return all;
            }
            List<Diagnostic> first = new ArrayList<>(all.subList(0, MOST - 1));
            first.add(Diagnostic.newBuilder().setCode(DiagnosticCode.DIAGNOSTIC_CODE_TRUNCATED)
                    .setMessage((all.size() - MOST + 1) + " more diagnostics are left out").build());
            return first;
        }
    }

    Found begin(DecideRequest request, Asked asked) {
        Found found = new Found();
        for (String field : asked.unknown) {
            found.add(DiagnosticCode.DIAGNOSTIC_CODE_UNKNOWN_FIELD, field,
                    "the dictionary does not have this field; it is masked in full", List.of());
        }
        Set<String> undeclared = undeclared("subject", request.getSubject().getAttributesMap(), Set.of());
        undeclared = undeclared("action", request.getAction().getAttributesMap(), undeclared);
        undeclared = undeclared("resource", request.getResource().getAttributesMap(), undeclared);
        undeclared = undeclared("context", request.getContextMap(), undeclared);
        for (String name : undeclared) {
            found.add(DiagnosticCode.DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE, name,
                    "the policy set does not declare this attribute", List.of());
        }
        return found;
    }

    /** Returns the undeclared attributes so far, in order, with those of a namespace. */
    private Set<String> undeclared(String root, Map<String, Value> attributes, Set<String> others) {
        if (attributes.isEmpty()) {
            return others;
        }
        Set<String> known = declared.getOrDefault(root, Set.of());
        Set<String> found = others;
        for (String key : attributes.keySet()) {
            if (!known.contains(key)) {
                if (found.isEmpty()) {
                    found = new TreeSet<>(Functions::byCodePoints);
                }
                found.add(root + "." + key);
            }
        }
        return found;
    }

    /** Adds the grants that count to a list, and a diagnostic for each that does not. */
    void grants(DecideRequest request, Instant now, Function<String, Grant> grants, List<Grant> counting, Found found) {
        for (String id : new LinkedHashSet<>(request.getGrantIdsList())) {
            Grant grant = grants.apply(id);
            if (grant == null) {
                found.add(DiagnosticCode.DIAGNOSTIC_CODE_GRANT_NOT_FOUND, id, "no such grant", List.of());
            } else if (now.isBefore(LoadedBundle.instant(grant.getNotBeforeNanos()))
                    || !now.isBefore(LoadedBundle.instant(grant.getExpiresAtNanos()))) {
                found.add(DiagnosticCode.DIAGNOSTIC_CODE_GRANT_INACTIVE, id, "the grant is not valid now", List.of());
            } else if (!grant.getSubjectId().equals(request.getSubject().getId())
                    || !grant.getResourceType().equals(request.getResource().getType())
                    || !grant.getResourceId().isEmpty() && !grant.getResourceId().equals(request.getResource().getId())) {
                found.add(DiagnosticCode.DIAGNOSTIC_CODE_GRANT_MISMATCH, id,
                        "the grant is for another subject or resource", List.of());
            } else if (!grant.getApplication().isEmpty() && !namesOnly(grant.getApplication(), request)) {
                found.add(DiagnosticCode.DIAGNOSTIC_CODE_GRANT_MISMATCH, id,
                        "the grant is for an application that the request does not name, or not alone", List.of());
            } else {
                counting.add(grant);
            }
        }
    }

    /** Tells whether a request says, in its context or by a message, that it is for this application and for no other. */
    private static boolean namesOnly(String application, DecideRequest request) {
        Value inContext = request.getContextOrDefault("application", Value.getDefaultInstance());
        boolean hasKind = inContext.getKindCase() != Value.KindCase.KIND_NOT_SET;
        if (hasKind && !inContext.getStringValue().equals(application)) {
            return false;
        }
        if (request.hasMessage() && !request.getMessage().getApplication().equals(application)) {
            return false;
        }
        return hasKind || request.hasMessage();
    }

    /** Adds one for each rule that is undecided without a grant or under some; results of one rule stand together. */
    void undecided(List<Result> results, Found found) {
        for (int i = 0; i < results.size();) {
            PlannedRule rule = results.get(i).rule;
            List<String> lacking = null;
            for (; i < results.size() && results.get(i).rule == rule; i++) {
                Result result = results.get(i);
                if (result.undecided) {
                    lacking = lacking == null ? result.lacking : joined(lacking, result.lacking);
                }
            }
            if (lacking != null) {
                List<String> attributes = new ArrayList<>(lacking);
                attributes.sort(Functions::byCodePoints);
                found.add(DiagnosticCode.DIAGNOSTIC_CODE_UNDECIDED_RULE, rule.name,
                        "the rule's condition could not be decided", attributes);
            }
        }
    }

    private static List<String> joined(List<String> first, List<String> second) {
        Set<String> all = new LinkedHashSet<>(first);
        all.addAll(second);
        return new ArrayList<>(all);
    }
}
