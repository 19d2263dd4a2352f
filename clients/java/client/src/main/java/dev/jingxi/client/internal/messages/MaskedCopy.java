package dev.jingxi.client.internal.messages;

import dev.jingxi.client.Decision;
import dev.jingxi.client.Mask;
import dev.jingxi.client.Verdict;
import dev.jingxi.client.errors.MaskUnavailableException;
import dev.jingxi.client.internal.masks.Masker;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** A copy of a message in which places are masked. Drops wait until the end, so that the places of items stay true. */
public final class MaskedCopy {
    private static final Optional<Mask> FULL = Optional.of(Mask.FULL);

    private final Maskers maskers;
    private final Map<Mask, Masker> used = new HashMap<>();
    private final List<Place> dropped = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();
    private Object document;

    /** Copies a message. Throws MessageMismatchException when it is too deep. */
    public MaskedCopy(Object message, Maskers maskers) {
        this.maskers = maskers;
        this.document = Documents.copied(message);
    }

    /** Masks as decisions say, one for each question; a null one masks every field of its question in full. */
    public void apply(Plan plan, List<Decision> decisions) {
        for (int i = 0; i < plan.questions().size(); i++) {
            Decision decision = decisions.get(i);
            apply(plan.questions().get(i), decision == null ? field -> FULL : masks(decision.verdicts()));
        }
    }

    /** Returns the masks of verdicts; a field that they do not speak about is masked in full. */
    private static Function<String, Optional<Mask>> masks(List<Verdict> verdicts) {
        int[] next = {0};
        return field -> {
            // They stand in the order of the map, and so does what is asked for.
            for (int i = 0; i < verdicts.size(); i++) {
                int place = (next[0] + i) % verdicts.size();
                if (verdicts.get(place).field().equals(field)) {
                    next[0] = place + 1;
                    return verdicts.get(place).mask();
                }
            }
            return FULL;
        };
    }

    /** Masks the fields of one question; an empty mask leaves the field as it is. */
    public void apply(Question question, Function<String, Optional<Mask>> masks) {
        for (Question.Located located : question.fields) {
            Mask mask = located.places.isEmpty() ? null : masks.apply(located.field).orElse(null);
            if (mask != null) {
                for (Place place : located.places) {
                    mask(place, mask);
                }
            }
        }
    }

    /** Returns the masked copy; null when the document itself was dropped. */
    public Object finish() {
        return dropped.isEmpty() ? document : Documents.removed(document, dropped);
    }

    /** Returns which masks could not be performed. */
    public List<String> problems() {
        return problems;
    }

    private void mask(Place place, Mask mask) {
        Object holder = place.parent == null ? null : Documents.holder(document, place);
        if (place.parent != null && holder == null) {
            return;
        }
        Object value = masker(mask).apply(place.parent == null ? document : valueIn(holder, place.key));
        if (value == Masker.DROP) {
            dropped.add(place);
            value = Masker.HIDDEN;
        }
        if (place.parent == null) {
            document = value;
        } else {
            Documents.set(holder, place.key, value);
        }
    }

    private static Object valueIn(Object holder, Object key) {
        return holder instanceof Map ? ((Map<?, ?>) holder).get(key) : ((List<?>) holder).get((Integer) key);
    }

    private Masker masker(Mask mask) {
        Masker known = used.get(mask);
        if (known != null) {
            return known;
        }
        Masker found;
        try {
            found = maskers.get(mask);
        } catch (MaskUnavailableException error) {
            String name = mask.name().isEmpty() ? mask.algorithm() : mask.name();
            problems.add("fields masked by `" + name + "` were dropped: " + error.getMessage());
            found = value -> Masker.DROP;
        }
        used.put(mask, found);
        return found;
    }
}
