package dev.jingxi.client.offline.internal;

import dev.jingxi.client.offline.internal.PlannedRule.Result;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.Effect;
import dev.jingxi.pdp.v1.FieldDefinition;
import dev.jingxi.pdp.v1.Grant;
import dev.jingxi.pdp.v1.Mask;
import dev.jingxi.pdp.v1.Obligation;
import dev.jingxi.pdp.v1.Reason;
import dev.jingxi.pdp.v1.ReasonKind;
import dev.jingxi.pdp.v1.Value;
import dev.jingxi.pdp.v1.Verdict;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** From the rules that apply to the verdict of each field. */
final class Outcomes {
    private static final Mask FULL = Mask.newBuilder()
            .setAlgorithm("full")
            .putParameters("length", Value.newBuilder().setIntValue(3).build())
            .putParameters("char", Value.newBuilder().setStringValue("*").build())
            .build();
    /** Weaker than every mask. */
    private static final int SHOWN = 0;

    private final DecideResponse begun;
    private final Map<String, FieldDefinition> fields = new HashMap<>();
    private final Map<Mask, Mask> masks = new HashMap<>();
    private final Map<FieldDefinition, Mask> defaults = new IdentityHashMap<>();
    private final Mask full = one(FULL);

    /** `begun` is what every answer says. */
    Outcomes(List<FieldDefinition> dictionary, DecideResponse begun) {
        this.begun = begun;
        for (FieldDefinition field : dictionary) {
            fields.put(field.getId(), field);
            defaults.put(field, one(field.getDefaultMask()));
        }
    }

    /** Returns the one instance that stands for all equal masks, so that they can be told apart without a look inside. */
    Mask one(Mask mask) {
        Mask known = masks.putIfAbsent(mask, mask);
        return known == null ? mask : known;
    }

    boolean knows(String field) {
        return fields.containsKey(field);
    }

    String level(String field) {
        FieldDefinition known = fields.get(field);
        return known == null ? "" : known.getLevel();
    }

    /** Returns what rules say about the fields that are asked about. `results` stand in the order of rules, then of grants. */
    Said said(Asked asked, List<Result> results) {
        Said.Key key = Said.Key.of(results);
        Said said = key == null ? null : asked.known(key);
        if (said == null) {
            DecideResponse.Builder response = begun.toBuilder();
            respond(asked.fields, results, response);
            said = new Said(response.build(), this::level);
            if (key != null) {
                asked.remember(key, said);
            }
        }
        return said;
    }

    /** Fills in verdicts, masks, reasons and obligations. */
    private void respond(List<String> asked, List<Result> results, DecideResponse.Builder response) {
        Table table = new Table(response);
        Map<PlannedRule, Set<String>> obliging = new HashMap<>();
        for (String name : asked) {
            FieldDefinition field = fields.get(name);
            if (field == null) {
                table.add(name, full, ReasonKind.REASON_KIND_UNKNOWN_FIELD, null);
                continue;
            }
            List<Result> applying = applying(field, results);
            Result winner = winner(field, applying);
            if (winner == null) {
                boolean masked = field.getDefaultEffect() == Effect.EFFECT_MASK;
                table.add(name, masked ? defaults.get(field) : null, ReasonKind.REASON_KIND_DEFAULT, null);
                continue;
            }
            table.add(name, mask(winner.rule, field), ReasonKind.REASON_KIND_RULE, winner);
            int said = strictness(winner.rule, field);
            for (Result result : applying) {
                if (result.rule.source.getObligationsCount() > 0 && strictness(result.rule, field) == said) {
                    obliging.computeIfAbsent(result.rule, rule -> new LinkedHashSet<>()).add(name);
                }
            }
        }
        addObligations(results, obliging, response);
    }

    /** Returns verdicts that mask every field by its default mask. */
    Said masked(List<String> asked) {
        DecideResponse.Builder response = begun.toBuilder();
        Table table = new Table(response);
        for (String name : asked) {
            FieldDefinition field = fields.get(name);
            ReasonKind kind = field == null ? ReasonKind.REASON_KIND_UNKNOWN_FIELD : ReasonKind.REASON_KIND_DEFAULT;
            table.add(name, field == null ? full : defaults.get(field), kind, null);
        }
        return new Said(response.build(), this::level);
    }

    /** Returns of each rule that applies to a field the first result under which it does. */
    private static List<Result> applying(FieldDefinition field, List<Result> results) {
        List<Result> found = new ArrayList<>();
        PlannedRule last = null;
        for (Result result : results) {
            if (result.rule != last && result.rule.fields.contains(field.getId()) && applies(result, field)) {
                found.add(result);
                last = result.rule;
            }
        }
        return found;
    }

    private static boolean applies(Result result, FieldDefinition field) {
        if (!result.rule.unmasks) {
            return true;
        }
        return !result.undecided && !field.getNeverUnmask() && covers(result.grant, field);
    }

    private static boolean covers(Grant grant, FieldDefinition field) {
        return grant == null
                || grant.getFieldsCount() == 0 && grant.getLevelsCount() == 0
                || grant.getFieldsList().contains(field.getId())
                || grant.getLevelsList().contains(field.getLevel());
    }

    private static Result winner(FieldDefinition field, List<Result> applying) {
        Result winner = null;
        for (Result result : applying) {
            if (winner == null || isOver(result.rule, winner.rule, field)) {
                winner = result;
            }
        }
        return winner;
    }

    private static boolean isOver(PlannedRule rule, PlannedRule other, FieldDefinition field) {
        int priority = rule.source.getPriority();
        int others = other.source.getPriority();
        return priority > others || priority == others && strictness(rule, field) > strictness(other, field);
    }

    private static int strictness(PlannedRule rule, FieldDefinition field) {
        if (rule.unmasks) {
            return SHOWN;
        }
        return rule.source.hasMask() ? rule.source.getStrictness() : field.getDefaultStrictness();
    }

    private Mask mask(PlannedRule rule, FieldDefinition field) {
        if (rule.unmasks) {
            return null;
        }
        return rule.mask != null ? rule.mask : defaults.get(field);
    }

    private static void addObligations(List<Result> results, Map<PlannedRule, Set<String>> obliging,
            DecideResponse.Builder response) {
        PlannedRule last = null;
        for (Result result : results) {
            Set<String> carried = result.rule == last ? null : obliging.get(result.rule);
            last = result.rule;
            if (carried == null) {
                continue;
            }
            for (Obligation obligation : result.rule.source.getObligationsList()) {
                response.addObligations(obligation.toBuilder()
                        .clearFields().addAllFields(carried).setRule(result.rule.name));
            }
        }
    }

    /** Writes verdicts with each different mask and reason once. Masks are those of {@link #one}. */
    private static final class Table {
        private final DecideResponse.Builder response;
        private final List<Mask> masks = new ArrayList<>();
        private final List<Why> reasons = new ArrayList<>();

        Table(DecideResponse.Builder response) {
            this.response = response;
        }

        /** Adds a field; without a mask it is shown, without a result no rule said so. */
        void add(String field, Mask mask, ReasonKind kind, Result result) {
            Verdict.Builder verdict = Verdict.newBuilder().setField(field)
                    .setEffect(mask == null ? Effect.EFFECT_UNMASK : Effect.EFFECT_MASK);
            if (mask != null) {
                verdict.setMask(place(mask));
            }
            response.addVerdicts(verdict.setReason(place(kind, result)).build());
        }

        private int place(Mask mask) {
            for (int i = 0; i < masks.size(); i++) {
                if (masks.get(i) == mask) {
                    return i;
                }
            }
            masks.add(mask);
            response.addMasks(mask);
            return masks.size() - 1;
        }

        private int place(ReasonKind kind, Result result) {
            for (int i = 0; i < reasons.size(); i++) {
                if (reasons.get(i).kind == kind && reasons.get(i).result == result) {
                    return i;
                }
            }
            reasons.add(new Why(kind, result));
            response.addReasons(reason(kind, result));
            return reasons.size() - 1;
        }

        private static Reason reason(ReasonKind kind, Result result) {
            Reason.Builder reason = Reason.newBuilder().setKind(kind);
            if (result != null) {
                reason.setRule(result.rule.name).setTitle(result.rule.source.getTitle()).setUndecided(result.undecided);
                if (result.grant != null) {
                    reason.setGrantId(result.grant.getId());
                }
            }
            return reason.build();
        }
    }

    /** Why a field is shown as it is: results are different objects where their reasons differ. */
    private static final class Why {
        final ReasonKind kind;
        final Result result;

        Why(ReasonKind kind, Result result) {
            this.kind = kind;
            this.result = result;
        }
    }
}
