package dev.jingxi.client.internal.messages;

import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.Mask;
import dev.jingxi.client.Verdict;
import dev.jingxi.client.errors.MaskUnavailableException;
import dev.jingxi.client.internal.masks.MaskCatalogue;
import dev.jingxi.client.internal.masks.MaskSetting;
import dev.jingxi.client.internal.masks.Masker;
import dev.jingxi.client.internal.messages.MappedMessage.Part;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** Masks ready for use, kept for as long as they cannot change. Safe to share. */
public final class Maskers {
    private static final int KEPT = 1_024;

    private final MaskSetting setting;
    private final boolean lasting;
    private final Map<Mask, Way> kept = new ConcurrentHashMap<>();
    private final Map<Answered, Way[]> answered = new ConcurrentHashMap<>();

    private Maskers(MaskSetting setting, boolean lasting) {
        this.setting = setting;
        this.lasting = lasting;
    }

    /** Makes an empty store. */
    public Maskers(KeyProvider keys) {
        this(MaskSetting.of(keys), false);
    }

    /** Makes one whose day is given, as tests need it. */
    public Maskers(KeyProvider keys, Supplier<LocalDate> today) {
        this(new MaskSetting(keys, today, new java.security.SecureRandom()::nextBytes), false);
    }

    /** Returns one for answers of which equal ones share their list of verdicts: what follows from a list is kept. */
    public static Maskers lasting(KeyProvider keys) {
        return new Maskers(MaskSetting.of(keys), true);
    }

    /** How a field is masked. */
    static final class Way {
        final Mask mask;
        /** Null where it must be made for each message. */
        final Masker ready;

        Way(Mask mask, Masker ready) {
            this.mask = mask;
            this.ready = ready;
        }
    }

    /** Returns how the fields of a part are masked, in their order; null for one that is shown. */
    Way[] ways(Part part, List<Verdict> verdicts) {
        Answered key = lasting ? new Answered(part, verdicts) : null;
        Way[] known = lasting ? answered.get(key) : null;
        if (known != null) {
            return known;
        }
        Way[] found = new Way[part.fields.size()];
        // Verdicts stand in the order of the map.
        int next = 0;
        for (int i = 0; i < found.length; i++) {
            int place = place(verdicts, part.fields.get(i).name, next);
            // A field that they do not speak about is masked in full.
            Mask mask = place < 0 ? Mask.FULL : verdicts.get(place).mask().orElse(null);
            found[i] = mask == null ? null : way(mask);
            next = place < 0 ? next : place + 1;
        }
        if (lasting) {
            if (answered.size() >= KEPT) {
                // Of bundles that are gone; what is in use comes again.
                answered.clear();
            }
            answered.put(key, found);
        }
        return found;
    }

    private static int place(List<Verdict> verdicts, String field, int from) {
        for (int i = 0; i < verdicts.size(); i++) {
            int place = (from + i) % verdicts.size();
            if (verdicts.get(place).field().equals(field)) {
                return place;
            }
        }
        return -1;
    }

    /** Returns how a mask is performed. */
    Way way(Mask mask) {
        Way known = kept.get(mask);
        if (known != null) {
            return known;
        }
        if (MaskCatalogue.isKeyed(mask.algorithm())) {
            return new Way(mask, null);
        }
        Way found;
        try {
            found = new Way(mask, make(mask));
        } catch (MaskUnavailableException error) {
            return new Way(mask, null);
        }
        if (kept.size() < KEPT) {
            kept.put(mask, found);
        }
        return found;
    }

    /** Returns a mask. Throws MaskUnavailableException when it cannot be performed exactly as told. */
    Masker make(Mask mask) {
        return MaskCatalogue.masker(mask.algorithm(), mask.parameters(), setting);
    }

    /** A part and verdicts about it: these lists and no equal ones, which are told apart without a look inside. */
    private static final class Answered {
        private final Part part;
        private final List<Verdict> verdicts;

        Answered(Part part, List<Verdict> verdicts) {
            this.part = part;
            this.verdicts = verdicts;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Answered && ((Answered) other).part == part && ((Answered) other).verdicts == verdicts;
        }

        @Override
        public int hashCode() {
            return 31 * System.identityHashCode(part) + System.identityHashCode(verdicts);
        }
    }
}
