package dev.jingxi.client;

import dev.jingxi.client.errors.MaskUnavailableException;
import dev.jingxi.client.internal.masks.Ciphers;
import dev.jingxi.client.internal.masks.FormatPreserving;
import dev.jingxi.client.internal.masks.MaskCatalogue;
import dev.jingxi.client.internal.masks.MaskSetting;
import dev.jingxi.client.internal.masks.Masker;

/** The masks on their own, as docs/guides/masking.md defines them. */
public final class Masks {
    /** What a mask gives for a field that must be left out. */
    public static final Object DROP = Masker.DROP;

    private Masks() {}

    /**
     * {@return what a mask shows of a JSON value; {@link #DROP} for a field to be left out, also when the mask cannot be
     * performed exactly as told: nothing is better than something less strict than was decided}
     *
     * @param mask the algorithm and its parameters; those left out take their defaults
     * @param value a JSON value; it is not changed
     * @param keys where keys come from
     */
    public static Object apply(Mask mask, Object value, KeyProvider keys) {
        try {
            return MaskCatalogue.masker(mask.algorithm(), mask.parameters(), MaskSetting.of(keys)).apply(value);
        } catch (MaskUnavailableException unavailable) {
            return DROP;
        }
    }

    /**
     * {@return the value that an {@code encrypt} mask hid}
     *
     * @param text what the mask made of it
     * @param keys where keys come from
     * @throws MaskUnavailableException when the text is none of these, was changed, or its key is not there
     */
    public static String decrypt(String text, KeyProvider keys) {
        return Ciphers.decrypt(text, keys);
    }

    /**
     * {@return the value that an {@code fpe} mask hid}
     *
     * @param mask the mask with its parameters
     * @param text what the mask made of the value
     * @param keys where keys come from
     * @throws MaskUnavailableException when the mask cannot have made it, or its key is not there
     */
    public static String fpeDecrypt(Mask mask, String text, KeyProvider keys) {
        return FormatPreserving.decrypt(mask.parameters(), text, keys);
    }
}
