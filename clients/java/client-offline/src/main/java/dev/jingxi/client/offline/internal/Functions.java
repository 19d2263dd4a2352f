package dev.jingxi.client.offline.internal;

import dev.cel.expr.CheckedExpr;
import dev.cel.expr.Expr;
import dev.cel.expr.Reference;
import dev.cel.runtime.CelFunctionBinding;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Functions in which the CEL runtime for Java differs from the definition (tests/vectors/decisions.json): texts are ordered
 * by code points, NaN equals nothing, both zeros are equal, and what does not fit 64 bits is an error.
 */
final class Functions {
    private static final Instant FIRST = Instant.parse("0001-01-01T00:00:00Z");
    private static final Instant LAST = Instant.parse("9999-12-31T23:59:59.999999999Z");

    /** A macro inside another is undecided when the two go through more pairs of elements. */
    private static final long MAX_PAIRS = 10_000;

    private static final String WITHIN = "jingxi_within";

    /** Our name for an overload of the standard library. */
    private static final Map<String, String> REPLACED = Map.ofEntries(
            Map.entry("equals", "jingxi_equals"),
            Map.entry("not_equals", "jingxi_not_equals"),
            Map.entry("in_list", "jingxi_in_list"),
            Map.entry("less_string", "jingxi_less"),
            Map.entry("less_equals_string", "jingxi_less_equals"),
            Map.entry("greater_string", "jingxi_greater"),
            Map.entry("greater_equals_string", "jingxi_greater_equals"),
            Map.entry("modulo_int64", "jingxi_modulo"),
            Map.entry("add_duration_duration", "jingxi_add"),
            Map.entry("add_timestamp_duration", "jingxi_add"),
            Map.entry("add_duration_timestamp", "jingxi_add"),
            Map.entry("subtract_duration_duration", "jingxi_subtract"),
            Map.entry("subtract_timestamp_duration", "jingxi_subtract"),
            Map.entry("subtract_timestamp_timestamp", "jingxi_subtract"));

    static final List<CelFunctionBinding> BINDINGS = List.of(
            binary("jingxi_equals", Functions::same),
            binary("jingxi_not_equals", (left, right) -> !same(left, right)),
            binary("jingxi_in_list", (item, list) -> ((List<?>) list).stream().anyMatch(other -> same(item, other))),
            binary("jingxi_less", (left, right) -> ordered(left, right) && compare(left, right) < 0),
            binary("jingxi_less_equals", (left, right) -> ordered(left, right) && compare(left, right) <= 0),
            binary("jingxi_greater", (left, right) -> ordered(left, right) && compare(left, right) > 0),
            binary("jingxi_greater_equals", (left, right) -> ordered(left, right) && compare(left, right) >= 0),
            binary(WITHIN, Functions::within),
            binary("jingxi_modulo", (left, right) -> modulo((Long) left, (Long) right)),
            binary("jingxi_add", Functions::add),
            binary("jingxi_subtract", Functions::subtract));

    private Functions() {}

    private interface Binary {
        Object apply(Object left, Object right);
    }

    private static CelFunctionBinding binary(String name, Binary function) {
        return CelFunctionBinding.from(name, Object.class, Object.class, function::apply);
    }

    /** Returns an expression in which our functions stand for those of the standard library. */
    static CheckedExpr replaced(CheckedExpr checked) {
        CheckedExpr.Builder out = checked.toBuilder();
        replace(out.getExprBuilder(), out, null);
        return out.build();
    }

    /** `outer` is what the macro goes through that the expression is in; null for none. */
    private static void replace(Expr.Builder expr, CheckedExpr.Builder checked, Expr outer) {
        switch (expr.getExprKindCase()) {
            case CALL_EXPR:
                Expr.Call.Builder call = expr.getCallExprBuilder();
                if (call.hasTarget()) {
                    replace(call.getTargetBuilder(), checked, outer);
                }
                call.getArgsBuilderList().forEach(argument -> replace(argument, checked, outer));
                String name = ours(checked.getReferenceMapOrDefault(expr.getId(), Reference.getDefaultInstance()));
                if (name != null) {
                    call.setFunction(name);
                    checked.putReferenceMap(expr.getId(), Reference.newBuilder().addOverloadId(name).build());
                }
                break;
            case SELECT_EXPR:
                replace(expr.getSelectExprBuilder().getOperandBuilder(), checked, outer);
                break;
            case LIST_EXPR:
                expr.getListExprBuilder().getElementsBuilderList().forEach(element -> replace(element, checked, outer));
                break;
            case STRUCT_EXPR:
                expr.getStructExprBuilder().getEntriesBuilderList().forEach(entry -> {
                    if (entry.hasMapKey()) {
                        replace(entry.getMapKeyBuilder(), checked, outer);
                    }
                    replace(entry.getValueBuilder(), checked, outer);
                });
                break;
            case COMPREHENSION_EXPR:
                Expr.Comprehension.Builder loop = expr.getComprehensionExprBuilder();
                replace(loop.getIterRangeBuilder(), checked, outer);
                Expr range = loop.getIterRange();
                List.of(loop.getAccuInitBuilder(), loop.getLoopConditionBuilder(), loop.getLoopStepBuilder(),
                        loop.getResultBuilder()).forEach(part -> replace(part, checked, range));
                if (outer != null) {
                    loop.setIterRange(bounded(range, outer, checked));
                }
                break;
            default:
                break;
        }
    }

    private static Expr bounded(Expr range, Expr outer, CheckedExpr.Builder checked) {
        // No number of the source is negative.
        long id = -1 - checked.getReferenceMapCount();
        checked.putReferenceMap(id, Reference.newBuilder().addOverloadId(WITHIN).build());
        return Expr.newBuilder().setId(id)
                .setCallExpr(Expr.Call.newBuilder().setFunction(WITHIN).addArgs(range).addArgs(outer)).build();
    }

    /** Returns our name for a call; null for one that stays. Comparisons of `dyn` have the overload for texts among others. */
    private static String ours(Reference reference) {
        Set<String> ids = Set.copyOf(reference.getOverloadIdList());
        return REPLACED.entrySet().stream().filter(entry -> ids.contains(entry.getKey()))
                .map(Map.Entry::getValue).findFirst().orElse(null);
    }

    private static boolean same(Object left, Object right) {
        if (left instanceof Number && right instanceof Number) {
            return ordered(left, right) && compare(left, right) == 0;
        }
        if (left instanceof List && right instanceof List) {
            List<?> first = (List<?>) left;
            List<?> second = (List<?>) right;
            boolean same = first.size() == second.size();
            for (int i = 0; same && i < first.size(); i++) {
                same = same(first.get(i), second.get(i));
            }
            return same;
        }
        if (left instanceof Map && right instanceof Map) {
            Map<?, ?> first = (Map<?, ?>) left;
            Map<?, ?> second = (Map<?, ?>) right;
            return first.size() == second.size() && first.entrySet().stream().allMatch(
                    entry -> second.containsKey(entry.getKey()) && same(entry.getValue(), second.get(entry.getKey())));
        }
        return left.equals(right);
    }

    /** Returns whether two values have an order: NaN has none. */
    private static boolean ordered(Object left, Object right) {
        return !(left instanceof Double && ((Double) left).isNaN()) && !(right instanceof Double && ((Double) right).isNaN());
    }

    private static int compare(Object left, Object right) {
        if (left instanceof String && right instanceof String) {
            return byCodePoints((String) left, (String) right);
        }
        if (left instanceof Long && right instanceof Long) {
            return Long.compare((Long) left, (Long) right);
        }
        if (left instanceof Number && right instanceof Number) {
            // A whole number beside a double counts as one; both zeros are equal.
            return Double.compare(((Number) left).doubleValue() + 0.0, ((Number) right).doubleValue() + 0.0);
        }
        if (left instanceof Boolean && right instanceof Boolean) {
            return Boolean.compare((Boolean) left, (Boolean) right);
        }
        if (left instanceof Instant && right instanceof Instant) {
            return ((Instant) left).compareTo((Instant) right);
        }
        if (left instanceof Duration && right instanceof Duration) {
            return ((Duration) left).compareTo((Duration) right);
        }
        throw new IllegalArgumentException("values of different kinds have no order");
    }

    /** Texts in the order of their code points; Java's own is by chars, which differs beyond U+FFFF. */
    static int byCodePoints(String left, String right) {
        int length = Math.min(left.length(), right.length());
        for (int i = 0; i < length; i++) {
            char first = left.charAt(i);
            char second = right.charAt(i);
            if (first != second) {
                // Surrogates stand for code points above all others.
                boolean mixed = Character.isSurrogate(first) != Character.isSurrogate(second);
                return mixed ? Character.isSurrogate(first) ? 1 : -1 : Character.compare(first, second);
            }
        }
        return Integer.compare(left.length(), right.length());
    }

    private static Object within(Object inner, Object outer) {
        if (size(inner) * size(outer) > MAX_PAIRS) {
            throw new ArithmeticException("too many pairs in nested macros");
        }
        return inner;
    }

    private static long size(Object range) {
        return range instanceof Map ? ((Map<?, ?>) range).size() : ((List<?>) range).size();
    }

    private static long modulo(long left, long right) {
        if (right == 0 || left == Long.MIN_VALUE && right == -1) {
            throw new ArithmeticException("the rest of a division does not exist or does not fit");
        }
        return left % right;
    }

    private static Object add(Object left, Object right) {
        if (left instanceof Instant) {
            return within(((Instant) left).plus((Duration) right));
        }
        if (right instanceof Instant) {
            return within(((Instant) right).plus((Duration) left));
        }
        return within(((Duration) left).plus((Duration) right));
    }

    private static Object subtract(Object left, Object right) {
        if (left instanceof Instant && right instanceof Instant) {
            return within(Duration.between((Instant) right, (Instant) left));
        }
        if (left instanceof Instant) {
            return within(((Instant) left).minus((Duration) right));
        }
        return within(((Duration) left).minus((Duration) right));
    }

    private static Instant within(Instant time) {
        if (time.isBefore(FIRST) || time.isAfter(LAST)) {
            throw new ArithmeticException("a time outside of the years 1 to 9999");
        }
        return time;
    }

    private static Duration within(Duration span) {
        BigInteger nanos = BigInteger.valueOf(span.getSeconds()).multiply(BigInteger.valueOf(1_000_000_000L))
                .add(BigInteger.valueOf(span.getNano()));
        if (nanos.bitLength() > 63) {
            throw new ArithmeticException("a span of time beyond 64 bits of nanoseconds");
        }
        return span;
    }
}
