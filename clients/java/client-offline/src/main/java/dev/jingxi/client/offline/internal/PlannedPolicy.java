package dev.jingxi.client.offline.internal;

import dev.jingxi.client.offline.internal.Facts.Outcome;
import dev.jingxi.client.offline.internal.PlannedRule.Result;
import dev.jingxi.pdp.v1.Grant;
import java.util.ArrayList;
import java.util.List;

/** A policy ready to be evaluated: its scope, once for all of its rules, and the rules. */
final class PlannedPolicy {
    private final ScopeCondition[] scope;
    private final List<PlannedRule> rules;

    PlannedPolicy(ScopeCondition[] scope, List<PlannedRule> rules) {
        this.scope = scope;
        this.rules = rules;
    }

    /** Returns the same policy with those rules only that speak about any of these fields; null for none. */
    PlannedPolicy about(List<String> fields) {
        List<PlannedRule> found = new ArrayList<>();
        for (PlannedRule rule : rules) {
            if (fields.stream().anyMatch(rule.fields::contains)) {
                found.add(rule);
            }
        }
        return found.isEmpty() ? null : new PlannedPolicy(scope, found);
    }

    /** Adds the results of rules that are not false, those of a rule by grant; grants are those that count. */
    void evaluate(Facts facts, List<Grant> grants, List<Result> results) {
        boolean undecided = false;
        for (ScopeCondition clause : scope) {
            Outcome outcome = clause.outcome(facts);
            if (outcome == Outcome.FALSE) {
                return;
            }
            undecided |= outcome == Outcome.UNDECIDED;
        }
        for (PlannedRule rule : rules) {
            if (!rule.asksForGrant || grants.isEmpty()) {
                add(rule.evaluate(facts, null, undecided ? scope : null), results);
                continue;
            }
            for (Grant grant : grants) {
                facts.under(grant);
                add(rule.evaluate(facts, grant, undecided ? scope : null), results);
            }
            facts.under(null);
        }
    }

    private static void add(Result result, List<Result> results) {
        if (result != null) {
            results.add(result);
        }
    }
}
