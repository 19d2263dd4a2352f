package dev.jingxi.client.internal.masks;

import dev.jingxi.client.KeyProvider;
import java.security.SecureRandom;
import java.time.LocalDate;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** What masks may draw on besides value and parameters. */
public final class MaskSetting {
    private static final SecureRandom RANDOM = new SecureRandom();

    final KeyProvider keys;
    final Supplier<LocalDate> today;
    final Consumer<byte[]> nonces;

    /** Makes one whose day and random bytes are given, as tests need it. */
    public MaskSetting(KeyProvider keys, Supplier<LocalDate> today, Consumer<byte[]> nonces) {
        this.keys = keys;
        this.today = today;
        this.nonces = nonces;
    }

    /** Returns one with the machine's local date and random source. */
    public static MaskSetting of(KeyProvider keys) {
        return new MaskSetting(keys, LocalDate::now, RANDOM::nextBytes);
    }
}
