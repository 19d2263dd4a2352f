package dev.jingxi.client.internal.messages;

import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.Mask;
import dev.jingxi.client.internal.masks.MaskCatalogue;
import dev.jingxi.client.internal.masks.MaskSetting;
import dev.jingxi.client.internal.masks.Masker;
import java.time.LocalDate;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** Masks ready for use, kept for as long as they cannot change. Safe to share. */
public final class Maskers {
    private static final int KEPT = 1_024;

    private final MaskSetting setting;
    private final Map<Mask, Masker> kept = new ConcurrentHashMap<>();

    /** Makes an empty store. */
    public Maskers(KeyProvider keys) {
        this.setting = MaskSetting.of(keys);
    }

    /** Makes one whose day is given, as tests need it. */
    public Maskers(KeyProvider keys, Supplier<LocalDate> today) {
        this.setting = new MaskSetting(keys, today, new java.security.SecureRandom()::nextBytes);
    }

    /** Returns a mask. Throws MaskUnavailableException when it cannot be performed exactly as told. */
    Masker get(Mask mask) {
        Masker known = kept.get(mask);
        if (known != null) {
            return known;
        }
        Masker made = MaskCatalogue.masker(mask.algorithm(), mask.parameters(), setting);
        if (!MaskCatalogue.isKeyed(mask.algorithm()) && kept.size() < KEPT) {
            kept.put(mask, made);
        }
        return made;
    }
}
