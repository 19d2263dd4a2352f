package dev.jingxi.client.offline.internal;

import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelVariableResolver;
import dev.jingxi.client.offline.internal.Facts.Outcome;
import dev.jingxi.client.offline.internal.Operands.Operand;
import java.util.Map;
import java.util.Optional;

/** An expression of a policy, planned by the CEL runtime for Java. */
final class Planned {
    /** The places of the declared attributes that it reads, also through variables. */
    final int[] attributes;
    /** Whether one of them is about the grant. */
    final boolean isGranted;
    private final CelRuntime.Program program;
    /** Reads its value without the runtime; null when that takes more than reading. */
    private final Operand operand;
    /** Decides without the runtime; null when it cannot. */
    private final Clauses.Test test;
    /** Whether any lacking attribute makes it undecided. */
    private final boolean isStrict;
    /** The places of attributes and, as -1 - place, of variables, by name. */
    private final Map<String, Integer> names;

    Planned(CelRuntime.Program program, Operand operand, Clauses.Test test, int[] attributes, boolean isGranted,
            boolean isStrict, Map<String, Integer> names) {
        this.program = program;
        this.operand = operand;
        this.test = test;
        this.attributes = attributes;
        this.isGranted = isGranted;
        this.isStrict = isStrict;
        this.names = names;
    }

    Outcome outcome(Facts facts) {
        Outcome found = test == null ? null : test.of(facts);
        if (found != null) {
            return found;
        }
        if (isStrict && lacks(facts)) {
            return Outcome.UNDECIDED; // as its evaluation would be, without the cost of an exception
        }
        Object value = evaluated(facts);
        return value instanceof Boolean ? (Boolean) value ? Outcome.TRUE : Outcome.FALSE : Outcome.UNDECIDED;
    }

    private boolean lacks(Facts facts) {
        for (int attribute : attributes) {
            if (facts.get(attribute) == null) {
                return true;
            }
        }
        return false;
    }

    /** Returns what the expression gives; null when its evaluation ends in an error. */
    Object value(Facts facts) {
        if (operand != null) {
            return operand.of(facts);
        }
        Outcome found = test == null ? null : test.of(facts);
        if (found != null) {
            return found == Outcome.UNDECIDED ? null : (Object) (found == Outcome.TRUE);
        }
        return isStrict && lacks(facts) ? null : evaluated(facts);
    }

    private Object evaluated(Facts facts) {
        // A lacking attribute is not bound, so that `||` and `&&` may still decide.
        CelVariableResolver resolver = name -> {
            Integer place = names.get(name);
            return place == null ? Optional.empty() : Optional.ofNullable(facts.operand(place));
        };
        try {
            return program.eval(resolver);
        } catch (CelEvaluationException | ArithmeticException | IllegalArgumentException undecided) {
            return null;
        }
    }
}
