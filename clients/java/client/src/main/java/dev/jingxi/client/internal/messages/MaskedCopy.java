package dev.jingxi.client.internal.messages;

import dev.jingxi.client.Decision;
import dev.jingxi.client.Mask;
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
    /** What is made for this message alone. */
    private final Map<Mask, Masker> made = new HashMap<>(0);
    private final List<Place> dropped = new ArrayList<>(0);
    private final List<String> problems = new ArrayList<>(0);
    private Object document;
    /** The object or list that holds the place masked last, for the next one; null when it must be looked for. */
    private Object holder;
    private Place holderPlace;

    /** Copies a message. Throws MessageMismatchException when it is too deep. */
    public MaskedCopy(Object message, Maskers maskers) {
        this.maskers = maskers;
        this.document = Documents.copied(message);
    }

    /** Masks as decisions say, one for each question; a null one masks every field of its question in full. */
    public void apply(Plan plan, List<Decision> decisions) {
        for (int i = 0; i < plan.questions().size(); i++) {
            Question question = plan.questions().get(i);
            Decision decision = decisions.get(i);
            if (decision == null) {
                apply(question, field -> FULL);
            } else {
                apply(question, maskers.ways(question.part, decision.verdicts()));
            }
        }
    }

    private void apply(Question question, Maskers.Way[] ways) {
        for (int i = 0; i < ways.length; i++) {
            if (ways[i] != null) {
                mask(question.fields.get(i).places, ways[i]);
            }
        }
    }

    /** Masks the fields of one question; an empty mask leaves the field as it is. */
    public void apply(Question question, Function<String, Optional<Mask>> masks) {
        for (Question.Located located : question.fields) {
            Mask mask = located.places.isEmpty() ? null : masks.apply(located.field).orElse(null);
            if (mask != null) {
                mask(located.places, maskers.way(mask));
            }
        }
    }

    private void mask(List<Place> places, Maskers.Way way) {
        for (int i = 0; i < places.size(); i++) {
            mask(places.get(i), way);
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

    private void mask(Place place, Maskers.Way way) {
        if (place.parent == null) {
            document = shown(place, way, document);
            holder = null;
            return;
        }
        if (holder == null || place.parent != holderPlace) {
            // A mask on what encloses it may have replaced it.
            holder = Documents.get(document, place.parent);
            holderPlace = place.parent;
        }
        Object value = Documents.in(holder, place.key);
        if (value == null && !Documents.has(holder, place.key)) {
            return;
        }
        Documents.set(holder, place.key, shown(place, way, value));
        if (value instanceof Map || value instanceof List) {
            holder = null;
        }
    }

    private Object shown(Place place, Maskers.Way way, Object value) {
        Object shown = (way.ready == null ? made(way.mask) : way.ready).apply(value);
        if (shown != Masker.DROP) {
            return shown;
        }
        dropped.add(place);
        return Masker.HIDDEN;
    }

    private Masker made(Mask mask) {
        Masker known = made.get(mask);
        if (known != null) {
            return known;
        }
        Masker found;
        try {
            found = maskers.make(mask);
        } catch (MaskUnavailableException error) {
            String name = mask.name().isEmpty() ? mask.algorithm() : mask.name();
            problems.add("fields masked by `" + name + "` were dropped: " + error.getMessage());
            found = value -> Masker.DROP;
        }
        made.put(mask, found);
        return found;
    }
}
