package dev.jingxi.client;

import java.util.Map;
import java.util.Objects;

/** How to mask: an algorithm with all its parameters. */
public final class Mask {
    private final String algorithm;
    private final Map<String, Object> parameters;
    private final String name;
    /** Masks are keys of what is kept ready. */
    private final int hash;

    /**
     * Makes it; lists and maps are copied.
     *
     * @param algorithm the algorithm, such as {@code keep}
     * @param parameters its parameters: texts, whole numbers as {@code Long}, booleans, lists of them; null for a kind of value that this client does not know
     * @param name the name in the policy set; empty for a mask written inside a rule
     */
    public Mask(String algorithm, Map<String, Object> parameters, String name) {
        this.algorithm = algorithm;
        this.parameters = Copies.map(parameters);
        this.name = name;
        this.hash = Objects.hash(algorithm, this.parameters, name);
    }

    /** {@return the algorithm, such as {@code keep}} */
    public String algorithm() {
        return algorithm;
    }

    /** {@return its parameters: texts, whole numbers as {@code Long}, booleans, lists of them; null for a kind of value that this client does not know} */
    public Map<String, Object> parameters() {
        return parameters;
    }

    /** {@return the name in the policy set; empty for a mask written inside a rule} */
    public String name() {
        return name;
    }

    /** What holds where no verdict says otherwise. */
    public static final Mask FULL = new Mask("full", Map.of(), "");

    /**
     * {@return a mask without a name}
     *
     * @param algorithm the algorithm
     * @param parameters its parameters
     */
    public static Mask of(String algorithm, Map<String, ?> parameters) {
        return new Mask(algorithm, Copies.map(parameters), "");
    }

    @Override
    public boolean equals(Object other) {
        if (other == this) {
            return true;
        }
        if (!(other instanceof Mask)) {
            return false;
        }
        Mask that = (Mask) other;
        return algorithm.equals(that.algorithm)
                && parameters.equals(that.parameters)
                && name.equals(that.name);
    }

    @Override
    public int hashCode() {
        return hash;
    }

    @Override
    public String toString() {
        return "Mask[" + "algorithm=" + algorithm + ", " + "parameters=" + parameters + ", " + "name=" + name + "]";
    }
}
