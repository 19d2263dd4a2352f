package dev.jingxi.client.offline.internal;

import dev.cel.expr.Expr;
import dev.cel.expr.Reference;
import dev.jingxi.pdp.v1.AttributeType;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneRules;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;

/**
 * What is read without a turn through the CEL runtime: attributes, variables, entries of attributes that are maps, and hour,
 * minute and day of the week of a time.
 */
final class Operands {
    private static final long DAY = 86_400;
    /** The first of January 1970 was a Thursday, and weeks begin on Sunday with 0. */
    private static final int FIRST_DAY = 4;
    private static final String WITH_ZONE = "_with_tz";

    private final Map<String, Integer> names;
    private final Programs programs;
    private final Map<Long, Reference> references;

    /** `names` has the places of attributes and, as -1 - place, of variables. */
    Operands(Map<String, Integer> names, Programs programs, Map<Long, Reference> references) {
        this.names = names;
        this.programs = programs;
        this.references = references;
    }

    /** Reads a value of one request; null where it is lacking or undecided. */
    @FunctionalInterface
    interface Reader {
        Object of(Facts facts);
    }

    /** Something that a test looks at. */
    static final class Operand {
        /** Null where it is known only when the value is there. */
        private final AttributeType type;
        private final Reader reader;

        Operand(AttributeType type, Reader reader) {
            this.type = type;
            this.reader = reader;
        }

        Object of(Facts facts) {
            return reader.of(facts);
        }

        /** Returns whether it is of a type, as far as that is known beforehand. */
        boolean mayBe(AttributeType wanted) {
            return type == null || type == wanted;
        }

        /** Returns whether it is surely of a type when it is there. */
        boolean is(AttributeType wanted) {
            return type == wanted;
        }
    }

    /** Returns what an expression reads; null when it is of another shape. */
    Operand operand(Expr expression) {
        switch (expression.getExprKindCase()) {
            case IDENT_EXPR:
                return named(expression);
            case SELECT_EXPR:
                return expression.getSelectExpr().getTestOnly() ? null : entry(expression.getSelectExpr());
            case CALL_EXPR:
                return ofTime(expression);
            default:
                return null;
        }
    }

    /** Returns the overload that a call stands for; empty when the types leave several. */
    String overload(Expr call) {
        Reference reference = references.get(call.getId());
        return reference == null || reference.getOverloadIdCount() != 1 ? "" : reference.getOverloadId(0);
    }

    private Operand named(Expr expression) {
        Reference reference = references.get(expression.getId());
        Integer found = reference == null ? null : names.get(reference.getName());
        if (found == null) {
            return null;
        }
        int place = found;
        return place < 0 ? new Operand(null, facts -> facts.variable(-1 - place))
                : new Operand(programs.attributes[place].type(), facts -> facts.get(place));
    }

    /** Returns an entry of a map of texts: one that is not there is an error, so that the condition is undecided. */
    private Operand entry(Expr.Select select) {
        Operand map = operand(select.getOperand());
        if (map == null || !map.is(AttributeType.ATTRIBUTE_TYPE_STRING_MAP)) {
            return null;
        }
        String key = select.getField();
        return new Operand(AttributeType.ATTRIBUTE_TYPE_STRING, facts -> {
            Object value = map.of(facts);
            return value == null ? null : ((Map<?, ?>) value).get(key);
        });
    }

    private Operand ofTime(Expr expression) {
        Expr.Call call = expression.getCallExpr();
        String overload = overload(expression);
        boolean hasZone = overload.endsWith(WITH_ZONE);
        LongUnaryOperator part = part(hasZone ? overload.substring(0, overload.length() - WITH_ZONE.length()) : overload);
        Operand time = part == null ? null : operand(call.getTarget());
        ZoneRules rules = hasZone ? rules(call.getArgsList()) : ZoneOffset.UTC.getRules();
        if (time == null || rules == null || !time.is(AttributeType.ATTRIBUTE_TYPE_TIMESTAMP)) {
            return null;
        }
        return new Operand(AttributeType.ATTRIBUTE_TYPE_INT, facts -> {
            Instant instant = (Instant) time.of(facts);
            return instant == null ? null
                    : (Object) part.applyAsLong(instant.getEpochSecond() + rules.getOffset(instant).getTotalSeconds());
        });
    }

    /** Returns how a part of a time follows from the seconds of its zone since 1970; null for one left to the runtime. */
    private static LongUnaryOperator part(String overload) {
        switch (overload) {
            case "timestamp_to_hours":
                return seconds -> Math.floorMod(seconds, DAY) / 3_600;
            case "timestamp_to_minutes":
                return seconds -> Math.floorMod(seconds, 3_600L) / 60;
            case "timestamp_to_day_of_week":
                return seconds -> Math.floorMod(Math.floorDiv(seconds, DAY) + FIRST_DAY, 7L);
            default:
                return null;
        }
    }

    /** Returns the rules of a zone with a place's name; null for one that CEL may read in a way of its own. */
    private static ZoneRules rules(List<Expr> arguments) {
        String name = arguments.get(0).getConstExpr().getStringValue();
        try {
            return name.indexOf('/') > 0 ? ZoneId.of(name).getRules() : null;
        } catch (DateTimeException unknown) {
            return null;
        }
    }
}
