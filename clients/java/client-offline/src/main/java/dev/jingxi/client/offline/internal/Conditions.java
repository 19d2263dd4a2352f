package dev.jingxi.client.offline.internal;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.cel.common.CelOptions;
import dev.cel.common.CelProtoAbstractSyntaxTree;
import dev.cel.expr.CheckedExpr;
import dev.cel.expr.Reference;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import dev.cel.runtime.CelVariableResolver;
import dev.jingxi.client.errors.BundleException;
import dev.jingxi.pdp.v1.Expression;
import dev.jingxi.pdp.v1.Policy;
import dev.jingxi.pdp.v1.Variable;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** The conditions of one policy, with its variables, planned by the CEL runtime for Java. */
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

    private final Map<String, Planned> variables = new HashMap<>();
    private final Set<String> declared;

    /** Plans a policy's variables. Throws BundleException. */
    Conditions(Policy policy, Set<String> declared) {
        this.declared = declared;
        for (Variable variable : policy.getVariablesList()) {
            // A variable may use those before it.
            variables.put(VARIABLE + variable.getName(), plan(variable.getExpression()));
        }
    }

    /** Plans a condition. Throws BundleException. */
    Clause condition(Expression expression) {
        Planned planned = plan(expression);
        return new Clause() {
            @Override
            public Boolean holds(Facts facts) {
                if (planned.isStrict && planned.lacks(facts)) {
                    return null; // as its evaluation would, without the cost of an exception
                }
                Object value = planned.value(new Names(facts, variables));
                return value instanceof Boolean ? (Boolean) value : null;
            }

            @Override
            public Set<String> attributes() {
                return planned.attributes;
            }
        };
    }

    private Planned plan(Expression expression) {
        try {
            CheckedExpr checked = Functions.replaced(CheckedExpr.parseFrom(expression.getChecked()));
            CelRuntime.Program program = RUNTIME.createProgram(CelProtoAbstractSyntaxTree.fromCheckedExpr(checked).getAst());
            Set<String> attributes = new TreeSet<>();
            for (Reference reference : checked.getReferenceMapMap().values()) {
                Planned variable = variables.get(reference.getName());
                if (variable != null) {
                    attributes.addAll(variable.attributes);
                } else if (declared.contains(reference.getName())) {
                    attributes.add(reference.getName());
                }
            }
            boolean isStrict = checked.getReferenceMapMap().values().stream().allMatch(
                    reference -> Collections.disjoint(reference.getOverloadIdList(), LENIENT)
                            && !variables.containsKey(reference.getName()));
            return new Planned(program, Set.copyOf(attributes), isStrict);
        } catch (InvalidProtocolBufferException | CelEvaluationException | RuntimeException error) {
            throw new BundleException("wrong_format",
                    "the expression at " + expression.getLocation() + " cannot be planned: " + error.getMessage(), error);
        }
    }

    private static final class Planned {
        final CelRuntime.Program program;
        final Set<String> attributes;
        /** Whether any lacking attribute makes it undecided. */
        final boolean isStrict;

        Planned(CelRuntime.Program program, Set<String> attributes, boolean isStrict) {
            this.program = program;
            this.isStrict = isStrict;
            this.attributes = attributes;
        }

        boolean lacks(Facts facts) {
            for (String attribute : attributes) {
                if (facts.get(attribute) == null) {
                    return true;
                }
            }
            return false;
        }

        /** Returns what the expression gives; null when its evaluation ends in an error. */
        Object value(Names names) {
            try {
                return program.eval(names);
            } catch (CelEvaluationException | ArithmeticException | IllegalArgumentException undecided) {
                return null;
            }
        }
    }

    /** What names stand for. A lacking attribute is not bound, so that `||` and `&&` may still decide. */
    private static final class Names implements CelVariableResolver {
        private final Facts facts;
        private final Map<String, Planned> variables;
        private final Map<String, Optional<Object>> known = new HashMap<>(2);

        Names(Facts facts, Map<String, Planned> variables) {
            this.facts = facts;
            this.variables = variables;
        }

        @Override
        public Optional<Object> find(String name) {
            Planned variable = variables.get(name);
            if (variable == null) {
                return Optional.ofNullable(facts.get(name));
            }
            Optional<Object> value = known.get(name);
            if (value == null) {
                value = Optional.ofNullable(variable.value(this));
                known.put(name, value);
            }
            return value;
        }
    }
}
