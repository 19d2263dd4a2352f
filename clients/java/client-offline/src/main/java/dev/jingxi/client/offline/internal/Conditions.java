package dev.jingxi.client.offline.internal;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.cel.common.CelOptions;
import dev.cel.common.CelProtoAbstractSyntaxTree;
import dev.cel.expr.CheckedExpr;
import dev.cel.expr.Reference;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import dev.jingxi.client.errors.BundleException;
import dev.jingxi.pdp.v1.Expression;
import dev.jingxi.pdp.v1.Policy;
import dev.jingxi.pdp.v1.Variable;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Plans the variables and conditions of one policy. */
final class Conditions {
    private static final String VARIABLE = "vars.";
    /** What may have a value although a part of it is undecided; every macro has one of these. */
    private static final List<String> LENIENT =
            List.of("logical_or", "logical_and", "conditional", "not_strictly_false", "add_list");
    private static final CelRuntime RUNTIME = CelRuntimeFactory.plannerRuntimeBuilder()
            .setOptions(CelOptions.current()
                    .enableHeterogeneousNumericComparisons(true)
                    .errorOnIntWrap(true)
                    .enableRegexPartialMatch(true)
                    .comprehensionMaxIterations(-1)
                    .build())
            .addFunctionBindings(Functions.BINDINGS)
            .build();

    private final Programs programs;
    private final Map<String, Integer> names;
    /** Conditions that use no variable mean the same in every policy, and are evaluated once for all of them. */
    private final Map<ByteString, Integer> shared;
    private final Map<ByteString, Integer> own = new HashMap<>();

    /** Plans a policy's variables. Throws BundleException. */
    Conditions(Policy policy, Programs programs, Map<ByteString, Integer> shared) {
        this.programs = programs;
        this.shared = shared;
        this.names = new HashMap<>(programs.places);
        for (Variable variable : policy.getVariablesList()) {
            // A variable may use those before it.
            programs.variables.add(plan(variable.getExpression(), read(variable.getExpression())));
            names.put(VARIABLE + variable.getName(), -programs.variables.size());
        }
    }

    /** Plans a condition and returns its place. Throws BundleException. */
    int condition(Expression expression) {
        CheckedExpr checked = read(expression);
        boolean usesVariables = checked.getReferenceMapMap().values().stream()
                .anyMatch(reference -> names.getOrDefault(reference.getName(), 0) < 0);
        return (usesVariables ? own : shared).computeIfAbsent(expression.getChecked(), bytes -> {
            programs.conditions.add(plan(expression, checked));
            return programs.conditions.size() - 1;
        });
    }

    private static CheckedExpr read(Expression expression) {
        try {
            return CheckedExpr.parseFrom(expression.getChecked());
        } catch (InvalidProtocolBufferException error) {
            throw unplanned(expression, error);
        }
    }

    private Planned plan(Expression expression, CheckedExpr source) {
        try {
            CheckedExpr checked = UndecidedParts.seen(Functions.replaced(source));
            CelRuntime.Program program = RUNTIME.createProgram(CelProtoAbstractSyntaxTree.fromCheckedExpr(checked).getAst());
            Collection<Reference> references = checked.getReferenceMapMap().values();
            Set<Integer> attributes = new TreeSet<>();
            boolean isStrict = true;
            boolean isGranted = false;
            for (Reference reference : references) {
                Integer place = names.get(reference.getName());
                isStrict &= Collections.disjoint(reference.getOverloadIdList(), LENIENT);
                if (place != null && place < 0) {
                    Planned variable = programs.variables.get(-1 - place);
                    isStrict = false;
                    isGranted |= variable.isGranted;
                    for (int attribute : variable.attributes) {
                        attributes.add(attribute);
                    }
                } else if (place != null) {
                    isGranted |= programs.attributes[place].isOfGrant();
                    attributes.add(place);
                }
            }
            int[] read = attributes.stream().mapToInt(Integer::intValue).toArray();
            Operands operands = new Operands(names, programs, source.getReferenceMapMap());
            Clauses.Test test = new Clauses(operands).test(source.getExpr());
            return new Planned(program, operands.operand(source.getExpr()), test, read, isGranted, isStrict, names);
        } catch (CelEvaluationException | RuntimeException error) {
            throw unplanned(expression, error);
        }
    }

    private static BundleException unplanned(Expression expression, Exception error) {
        return new BundleException("wrong_format",
                "the expression at " + expression.getLocation() + " cannot be planned: " + error.getMessage(), error);
    }
}
