package dev.jingxi.client.offline.internal;

import dev.cel.expr.CheckedExpr;
import dev.cel.expr.Expr;
import dev.cel.expr.Reference;
import dev.cel.expr.Type;
import java.util.List;
import java.util.Set;

/**
 * Keeps undecided parts of an expression from counting as values. What `||`, `&&` or a macro comes to when it is undecided,
 * the runtime hands to whatever it is a part of; `==` then finds it unequal to everything, and a list holds it like any
 * item. Where only a value may stand such a part is negated twice: the negation takes nothing but a Boolean.
 */
final class UndecidedParts {
    private static final Set<String> JOINS = Set.of("logical_or", "logical_and");
    private static final String CONDITIONAL = "conditional";
    private static final String GUARD = "not_strictly_false";
    private static final String NOT = "logical_not";

    private final CheckedExpr.Builder checked;

    private UndecidedParts(CheckedExpr.Builder checked) {
        this.checked = checked;
    }

    /** Returns an expression that is undecided where such a part of it is. */
    static CheckedExpr seen(CheckedExpr source) {
        CheckedExpr.Builder out = source.toBuilder();
        new UndecidedParts(out).visit(out.getExprBuilder(), false);
        return out.build();
    }

    /** `strict` says that only a value may stand here. */
    private void visit(Expr.Builder expr, boolean strict) {
        switch (expr.getExprKindCase()) {
            case CALL_EXPR:
                visitCall(expr, strict);
                break;
            case SELECT_EXPR:
                visit(expr.getSelectExprBuilder().getOperandBuilder(), true);
                break;
            case LIST_EXPR:
                expr.getListExprBuilder().getElementsBuilderList().forEach(element -> visit(element, true));
                break;
            case STRUCT_EXPR:
                expr.getStructExprBuilder().getEntriesBuilderList().forEach(entry -> {
                    if (entry.hasMapKey()) {
                        visit(entry.getMapKeyBuilder(), true);
                    }
                    visit(entry.getValueBuilder(), true);
                });
                break;
            case COMPREHENSION_EXPR:
                Expr.Comprehension.Builder loop = expr.getComprehensionExprBuilder();
                visit(loop.getIterRangeBuilder(), true);
                List.of(loop.getAccuInitBuilder(), loop.getLoopConditionBuilder(), loop.getLoopStepBuilder(),
                        loop.getResultBuilder()).forEach(part -> visit(part, false));
                if (strict && isBoolean(expr)) {
                    negateTwice(expr);
                }
                break;
            default:
                break;
        }
    }

    private void visitCall(Expr.Builder expr, boolean strict) {
        Expr.Call.Builder call = expr.getCallExprBuilder();
        List<String> overloads = checked.getReferenceMapOrDefault(expr.getId(), Reference.getDefaultInstance())
                .getOverloadIdList();
        boolean joins = overloads.stream().anyMatch(JOINS::contains);
        boolean isLenient = joins || overloads.contains(GUARD);
        if (overloads.contains(CONDITIONAL)) {
            // It gives what the chosen one of the two gives.
            visit(call.getArgsBuilder(0), false);
            visit(call.getArgsBuilder(1), strict);
            visit(call.getArgsBuilder(2), strict);
            return;
        }
        if (call.hasTarget()) {
            visit(call.getTargetBuilder(), true);
        }
        call.getArgsBuilderList().forEach(argument -> visit(argument, !isLenient));
        if (strict && joins) {
            negateTwice(expr);
        }
    }

    private boolean isBoolean(Expr.Builder expr) {
        return checked.getTypeMapOrDefault(expr.getId(), Type.getDefaultInstance()).getPrimitive()
                == Type.PrimitiveType.BOOL;
    }

    private void negateTwice(Expr.Builder expr) {
        Expr negated = not(not(expr.build()));
        expr.clear().mergeFrom(negated);
    }

    private Expr not(Expr operand) {
        // As for `Functions`: no number of the source is negative.
        long id = -1 - checked.getReferenceMapCount();
        checked.putReferenceMap(id, Reference.newBuilder().addOverloadId(NOT).build());
        return Expr.newBuilder().setId(id)
                .setCallExpr(Expr.Call.newBuilder().setFunction("!_").addArgs(operand)).build();
    }
}
