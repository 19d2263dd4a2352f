package dev.jingxi.client.offline.internal;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Fields that requests ask about, and what is known beforehand of the answers. Safe to share. */
final class Asked {
    /** Combinations of rules whose outcome is remembered; few ever come up. */
    private static final int REMEMBERED = 1_024;

    final List<String> fields;
    /** Those that the dictionary lacks, each once. */
    final Set<String> unknown = new LinkedHashSet<>();
    /** Those with rules that speak about any of the fields, in order. */
    final List<PlannedPolicy> policies = new ArrayList<>();
    /** INVARIANT: outcomes, never decisions; rules are evaluated for each request. */
    private final Map<Said.Key, Said> known = new ConcurrentHashMap<>();

    Asked(List<String> fields, List<PlannedPolicy> all, Outcomes outcomes) {
        this.fields = List.copyOf(fields);
        fields.stream().filter(field -> !outcomes.knows(field)).forEach(unknown::add);
        for (PlannedPolicy policy : all) {
            PlannedPolicy own = policy.about(fields);
            if (own != null) {
                policies.add(own);
            }
        }
    }

    /** Returns what was said by these rules before; null for nothing. */
    Said known(Said.Key key) {
        return known.get(key);
    }

    void remember(Said.Key key, Said said) {
        if (known.size() < REMEMBERED) {
            known.put(key, said);
        }
    }
}
