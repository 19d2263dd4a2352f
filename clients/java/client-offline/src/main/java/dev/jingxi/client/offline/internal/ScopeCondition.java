package dev.jingxi.client.offline.internal;

import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.ScopeClause;
import java.util.HashSet;
import java.util.Set;

/** That an attribute equals one of some values. */
final class ScopeCondition implements Clause {
    private final String attribute;
    private final Set<Object> values = new HashSet<>();

    ScopeCondition(ScopeClause source, AttributeType type) {
        this.attribute = source.getAttribute();
        source.getValuesList().forEach(value -> values.add(comparable(AttributeReader.value(value, type))));
    }

    @Override
    public Boolean holds(Facts facts) {
        Object value = facts.get(attribute);
        return value == null ? null : (Boolean) values.contains(comparable(value));
    }

    /** Java tells the two zeros of doubles apart; conditions do not. NaN equals nothing. */
    private static Object comparable(Object value) {
        if (!(value instanceof Double)) {
            return value;
        }
        double number = (Double) value;
        return Double.isNaN(number) ? new Object() : (Object) (number + 0.0);
    }

    @Override
    public Set<String> attributes() {
        return Set.of(attribute);
    }
}
