package dev.jingxi.client.internal.masks;

import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.errors.KeyUnavailableException;
import dev.jingxi.client.errors.MaskUnavailableException;
import java.util.Arrays;

/** Keys of masks: there and of a length that fits, or the mask cannot be performed. */
final class KeyMaterial {
    private static final int[] AES = {16, 24, 32};

    private KeyMaterial() {}

    /** Returns a key of at least so many bytes. */
    static byte[] atLeast(KeyProvider keys, String id, int bytes) {
        byte[] key = find(keys, id);
        if (key == null || key.length < bytes) {
            throw new MaskUnavailableException("there is no key `" + id + "` of " + bytes + " bytes or more");
        }
        return key;
    }

    /** Returns a key that AES takes. */
    static byte[] aes(KeyProvider keys, String id) {
        return exactly(keys, id, AES, "16, 24 or 32");
    }

    /** Returns a key that SM4 takes. */
    static byte[] sm4(KeyProvider keys, String id) {
        return exactly(keys, id, new int[] {16}, "16");
    }

    private static byte[] exactly(KeyProvider keys, String id, int[] lengths, String shown) {
        byte[] key = find(keys, id);
        if (key == null || Arrays.stream(lengths).noneMatch(length -> length == key.length)) {
            throw new MaskUnavailableException("there is no key `" + id + "` of " + shown + " bytes");
        }
        return key;
    }

    private static byte[] find(KeyProvider keys, String id) {
        try {
            return keys.key(id);
        } catch (KeyUnavailableException error) {
            throw new MaskUnavailableException(error.getMessage(), error);
        }
    }
}
