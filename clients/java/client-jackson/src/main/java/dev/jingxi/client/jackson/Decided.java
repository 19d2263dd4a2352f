package dev.jingxi.client.jackson;

import dev.jingxi.client.Decision;
import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.Mask;
import dev.jingxi.client.Masks;
import dev.jingxi.client.Verdict;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/** What a writer knows: the decision at hand, or that fields are only to be collected. */
final class Decided {
    private final Decision decision;
    private final KeyProvider keys;
    private final Set<String> fields = new LinkedHashSet<>();

    private Decided(Decision decision, KeyProvider keys) {
        this.decision = decision;
        this.keys = keys;
    }

    static Decided collecting() {
        return new Decided(null, null);
    }

    static Decided by(Decision decision, KeyProvider keys) {
        return new Decided(decision, keys);
    }

    boolean collects() {
        return decision == null;
    }

    void collect(String field) {
        fields.add(field);
    }

    Set<String> fields() {
        return fields;
    }

    boolean unmasked(String field) {
        return decision.verdict(field).map(Verdict::isUnmasked).orElse(false);
    }

    /** Returns what may be shown of a value; DROP for nothing. */
    Object shown(String field, Object value) {
        if (decision == null) {
            collect(field);
            return null;
        }
        Optional<Verdict> verdict = decision.verdict(field);
        if (verdict.isPresent() && verdict.get().isUnmasked()) {
            return value;
        }
        return Masks.apply(verdict.flatMap(Verdict::mask).orElse(Mask.FULL), value, keys);
    }
}
