package dev.jingxi.client.offline.internal;

import dev.jingxi.client.offline.internal.Facts.Outcome;
import dev.jingxi.pdp.v1.Effect;
import dev.jingxi.pdp.v1.Grant;
import dev.jingxi.pdp.v1.Mask;
import dev.jingxi.pdp.v1.Rule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** A rule ready to be evaluated. */
final class PlannedRule {
    final Rule source;
    /** Its place among all rules of the bundle. */
    final int number;
    /** `policy/rule`. */
    final String name;
    final boolean unmasks;
    final boolean asksForGrant;
    final Set<String> fields;
    /** The mask that it asks for; null where it is that of the field. */
    final Mask mask;
    private final Programs programs;
    /** The places of its conditions. */
    private final int[] conditions;

    PlannedRule(int number, String policy, Rule source, Mask mask, Programs programs, int[] conditions) {
        this.source = source;
        this.number = number;
        this.name = policy + "/" + source.getId();
        this.unmasks = source.getEffect() == Effect.EFFECT_UNMASK;
        this.mask = mask;
        this.programs = programs;
        this.conditions = conditions;
        this.fields = Set.copyOf(source.getFieldsList());
        this.asksForGrant = Arrays.stream(conditions).anyMatch(place -> programs.conditions.get(place).isGranted);
    }

    /** How a rule came out under a grant, or without one. */
    static final class Result {
        final PlannedRule rule;
        final Grant grant;
        /** Whether it is undecided rather than true. */
        final boolean undecided;
        /** The lacking attributes of its undecided clauses, each once. */
        final List<String> lacking;

        Result(PlannedRule rule, Grant grant, boolean undecided, List<String> lacking) {
            this.rule = rule;
            this.grant = grant;
            this.undecided = undecided;
            this.lacking = lacking;
        }
    }

    /** Returns how it comes out; null when it is false. `undecidedScope` is null where the scope is true. */
    Result evaluate(Facts facts, Grant grant, ScopeCondition[] undecidedScope) {
        boolean undecided = undecidedScope != null;
        for (int place : conditions) {
            Outcome outcome = facts.outcome(place);
            if (outcome == Outcome.FALSE) {
                return null;
            }
            undecided |= outcome == Outcome.UNDECIDED;
        }
        return new Result(this, grant, undecided, undecided ? lacking(facts, undecidedScope) : List.of());
    }

    private List<String> lacking(Facts facts, ScopeCondition[] undecidedScope) {
        List<String> found = new ArrayList<>(2);
        if (undecidedScope != null) {
            for (ScopeCondition clause : undecidedScope) {
                addLacking(facts, clause.attribute, found);
            }
        }
        for (int place : conditions) {
            if (facts.outcome(place) == Outcome.UNDECIDED) {
                for (int attribute : programs.conditions.get(place).attributes) {
                    addLacking(facts, attribute, found);
                }
            }
        }
        return found;
    }

    private void addLacking(Facts facts, int attribute, List<String> found) {
        String name = programs.attributes[attribute].name;
        if (facts.get(attribute) == null && !found.contains(name)) {
            found.add(name);
        }
    }
}
