package dev.jingxi.client.offline.internal;

import dev.jingxi.pdp.v1.Effect;
import dev.jingxi.pdp.v1.Grant;
import dev.jingxi.pdp.v1.Rule;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** A rule ready to be evaluated. */
final class PlannedRule {
    final Rule source;
    /** `policy/rule`. */
    final String name;
    final boolean unmasks;
    final boolean asksForGrant;
    final Set<String> fields;
    private final List<Clause> clauses;

    PlannedRule(String policy, Rule source, List<Clause> clauses) {
        this.source = source;
        this.name = policy + "/" + source.getId();
        this.unmasks = source.getEffect() == Effect.EFFECT_UNMASK;
        this.clauses = clauses;
        this.fields = Set.copyOf(source.getFieldsList());
        this.asksForGrant = clauses.stream().flatMap(clause -> clause.attributes().stream())
                .anyMatch(attribute -> attribute.startsWith("grant."));
    }

    /** How a rule came out under a grant, or without one. */
    static final class Result {
        final PlannedRule rule;
        final Grant grant;
        /** Whether it is undecided rather than true. */
        final boolean undecided;
        /** The lacking attributes of its undecided clauses. */
        final Set<String> lacking;

        Result(PlannedRule rule, Grant grant, boolean undecided, Set<String> lacking) {
            this.rule = rule;
            this.grant = grant;
            this.undecided = undecided;
            this.lacking = lacking;
        }
    }

    /** Returns how it comes out; null when it is false. */
    Result evaluate(Facts facts) {
        Set<String> lacking = Set.of();
        boolean undecided = false;
        for (Clause clause : clauses) {
            Boolean holds = clause.holds(facts);
            if (holds == null) {
                lacking = undecided ? lacking : new TreeSet<>();
                undecided = true;
                for (String attribute : clause.attributes()) {
                    if (facts.get(attribute) == null) {
                        lacking.add(attribute);
                    }
                }
            } else if (!holds) {
                return null;
            }
        }
        return new Result(this, facts.grant(), undecided, lacking);
    }
}
