package dev.jingxi.client.offline.internal;

import dev.jingxi.client.offline.internal.Facts.Outcome;
import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.ScopeClause;
import java.util.HashSet;
import java.util.Set;

/** That an attribute equals one of some values. */
final class ScopeCondition {
    /** The attribute's place in the bundle. */
    final int attribute;
    private final Set<Object> values = new HashSet<>();

    ScopeCondition(ScopeClause source, int attribute, AttributeType type) {
        this.attribute = attribute;
        source.getValuesList().forEach(value -> values.add(comparable(AttributeReader.value(value, type))));
    }

    Outcome outcome(Facts facts) {
        Object value = facts.get(attribute);
        return value == null ? Outcome.UNDECIDED : values.contains(comparable(value)) ? Outcome.TRUE : Outcome.FALSE;
    }

    /** Java tells the two zeros of doubles apart; conditions do not. NaN equals nothing. */
    private static Object comparable(Object value) {
        if (!(value instanceof Double)) {
            return value;
        }
        double number = (Double) value;
        return Double.isNaN(number) ? new Object() : (Object) (number + 0.0);
    }
}
