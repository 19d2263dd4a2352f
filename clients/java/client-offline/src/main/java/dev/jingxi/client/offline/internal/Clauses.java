package dev.jingxi.client.offline.internal;

import dev.cel.expr.Constant;
import dev.cel.expr.Expr;
import dev.jingxi.client.offline.internal.Facts.Outcome;
import dev.jingxi.client.offline.internal.Operands.Operand;
import dev.jingxi.pdp.v1.AttributeType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * Most conditions compare an attribute with a constant, as scope clauses do. Those, and what `&&`, `||` and `!` make of them,
 * are decided here without a turn through the CEL runtime; all others, and values that CEL treats in a way of its own, are
 * left to it. The differential tests hold both to the same answers.
 */
final class Clauses {
    private final Operands operands;

    Clauses(Operands operands) {
        this.operands = operands;
    }

    /** Decides a condition; null where only the CEL runtime can. */
    @FunctionalInterface
    interface Test {
        Outcome of(Facts facts);
    }

    /** Returns the test of an expression; null when it is of another shape. */
    Test test(Expr expression) {
        Operand operand = operands.operand(expression);
        if (operand != null) {
            return facts -> holds(operand.of(facts));
        }
        if (expression.hasSelectExpr() && expression.getSelectExpr().getTestOnly()) {
            return has(operands.operand(expression.getSelectExpr().getOperand()), expression.getSelectExpr().getField());
        }
        if (!expression.hasCallExpr() || expression.getCallExpr().hasTarget()) {
            return null;
        }
        List<Expr> arguments = expression.getCallExpr().getArgsList();
        switch (operands.overload(expression)) {
            case "logical_not":
                return not(test(arguments.get(0)));
            case "logical_and":
                return joined(test(arguments.get(0)), test(arguments.get(1)), Outcome.FALSE);
            case "logical_or":
                return joined(test(arguments.get(0)), test(arguments.get(1)), Outcome.TRUE);
            case "equals":
                return equal(arguments.get(0), arguments.get(1));
            case "not_equals":
                return not(equal(arguments.get(0), arguments.get(1)));
            case "less_int64":
            case "less_double":
                return compared(arguments.get(0), arguments.get(1), sign -> sign < 0);
            case "less_equals_int64":
            case "less_equals_double":
                return compared(arguments.get(0), arguments.get(1), sign -> sign <= 0);
            case "greater_int64":
            case "greater_double":
                return compared(arguments.get(0), arguments.get(1), sign -> sign > 0);
            case "greater_equals_int64":
            case "greater_equals_double":
                return compared(arguments.get(0), arguments.get(1), sign -> sign >= 0);
            case "in_list":
                return in(arguments.get(0), arguments.get(1));
            default:
                return null;
        }
    }

    private static Outcome outcome(boolean holds) {
        return holds ? Outcome.TRUE : Outcome.FALSE;
    }

    private static Outcome holds(Object value) {
        if (value instanceof Boolean) {
            return outcome((Boolean) value);
        }
        return otherwise(value);
    }

    /** Returns how a test comes out whose operand is not of the type that it looks for. */
    private static Outcome otherwise(Object value) {
        return value == null ? Outcome.UNDECIDED : null;
    }

    private static Test not(Test inner) {
        return inner == null ? null : facts -> opposite(inner.of(facts));
    }

    private static Outcome opposite(Outcome outcome) {
        return outcome == Outcome.TRUE ? Outcome.FALSE : outcome == Outcome.FALSE ? Outcome.TRUE : outcome;
    }

    /** Returns `&&` (`ending` FALSE) or `||` (TRUE): a side that ends decides even where the other cannot be decided. */
    private static Test joined(Test left, Test right, Outcome ending) {
        if (left == null || right == null) {
            return null;
        }
        return facts -> {
            Outcome first = left.of(facts);
            if (first == ending) {
                return ending;
            }
            Outcome second = right.of(facts);
            if (second == ending) {
                return ending;
            }
            if (first == null || second == null) {
                return null;
            }
            return first == Outcome.UNDECIDED ? first : second;
        };
    }

    private Test equal(Expr left, Expr right) {
        Operand first = operands.operand(left);
        Operand second = operands.operand(right);
        if (first != null && second != null) {
            return same(first, second);
        }
        boolean turned = left.hasConstExpr();
        Operand operand = turned ? second : first;
        Object wanted = constant(turned ? left : right);
        return operand == null || wanted == null || !operand.mayBe(typeOf(wanted)) ? null : among(operand, List.of(wanted));
    }

    /** Returns the test that two operands hold the same text. */
    private static Test same(Operand left, Operand right) {
        if (!left.mayBe(AttributeType.ATTRIBUTE_TYPE_STRING) || !right.mayBe(AttributeType.ATTRIBUTE_TYPE_STRING)) {
            return null;
        }
        return facts -> {
            Object first = left.of(facts);
            Object second = right.of(facts);
            if (first instanceof String && second instanceof String) {
                return outcome(first.equals(second));
            }
            return first == null || second == null ? Outcome.UNDECIDED : null;
        };
    }

    /** Returns the test that a map of texts has a key. */
    private static Test has(Operand map, String key) {
        if (map == null || !map.is(AttributeType.ATTRIBUTE_TYPE_STRING_MAP)) {
            return null;
        }
        return facts -> {
            Object value = map.of(facts);
            return value instanceof Map ? outcome(((Map<?, ?>) value).containsKey(key)) : otherwise(value);
        };
    }

    /** Returns what a constant is; null for one of a type that is left to the runtime. */
    private static Object constant(Expr expression) {
        Constant constant = expression.getConstExpr();
        switch (constant.getConstantKindCase()) {
            case STRING_VALUE:
                return constant.getStringValue();
            case INT64_VALUE:
                return constant.getInt64Value();
            case DOUBLE_VALUE:
                return Double.isNaN(constant.getDoubleValue()) ? null : comparable(constant.getDoubleValue());
            default:
                return null;
        }
    }

    /** Java tells the two zeros of doubles apart; conditions do not. */
    private static Object comparable(Object value) {
        return value instanceof Double ? (Object) ((Double) value + 0.0) : value;
    }

    private static AttributeType typeOf(Object constant) {
        return constant instanceof String ? AttributeType.ATTRIBUTE_TYPE_STRING
                : constant instanceof Long ? AttributeType.ATTRIBUTE_TYPE_INT : AttributeType.ATTRIBUTE_TYPE_DOUBLE;
    }

    /** NaN is left to the runtime. */
    private static boolean isOfClass(Object value, Class<?> type) {
        return value != null && value.getClass() == type && !(value instanceof Double && Double.isNaN((Double) value));
    }

    /** Returns the test that an operand is one of some constants of one class. */
    private static Test among(Operand operand, List<Object> wanted) {
        Class<?> type = wanted.get(0).getClass();
        Object only = wanted.get(0);
        Set<Object> all = new HashSet<>(wanted);
        boolean isOne = all.size() == 1;
        return facts -> {
            Object value = operand.of(facts);
            if (!isOfClass(value, type)) {
                return otherwise(value);
            }
            Object found = comparable(value);
            return outcome(isOne ? only.equals(found) : all.contains(found));
        };
    }

    private Test compared(Expr left, Expr right, IntPredicate wanted) {
        boolean turned = left.hasConstExpr();
        Operand operand = operands.operand(turned ? right : left);
        Object bound = constant(turned ? left : right);
        if (operand == null || bound == null || bound instanceof String || !operand.mayBe(typeOf(bound))) {
            return null;
        }
        int direction = turned ? -1 : 1;
        return facts -> {
            Object value = operand.of(facts);
            return isOfClass(value, bound.getClass())
                    ? outcome(wanted.test(direction * sign(value, bound))) : otherwise(value);
        };
    }

    private static int sign(Object value, Object bound) {
        if (value instanceof Long) {
            return Long.compare((Long) value, (Long) bound);
        }
        double left = (Double) value;
        double right = (Double) bound;
        return left < right ? -1 : left > right ? 1 : 0;
    }

    /** Returns the test of an operand in a list of constants, or of a text in a list that is an attribute. */
    private Test in(Expr item, Expr list) {
        if (item.getConstExpr().hasStringValue()) {
            Operand operand = operands.operand(list);
            String wanted = item.getConstExpr().getStringValue();
            if (operand == null || !operand.is(AttributeType.ATTRIBUTE_TYPE_STRING_LIST)) {
                return null;
            }
            return facts -> {
                Object value = operand.of(facts);
                return value instanceof List ? outcome(((List<?>) value).contains(wanted)) : otherwise(value);
            };
        }
        Operand operand = operands.operand(item);
        Set<Class<?>> classes = new HashSet<>();
        List<Object> wanted = new ArrayList<>();
        for (Expr element : list.getListExpr().getElementsList()) {
            Object constant = constant(element);
            if (constant == null) {
                return null;
            }
            wanted.add(constant);
            classes.add(constant.getClass());
        }
        if (operand == null || classes.size() != 1 || list.getListExpr().getOptionalIndicesCount() > 0
                || !operand.mayBe(typeOf(wanted.get(0)))) {
            return null;
        }
        return among(operand, wanted);
    }
}
