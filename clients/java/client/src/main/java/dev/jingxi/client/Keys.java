package dev.jingxi.client;

import dev.jingxi.client.errors.KeyUnavailableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** Ready key providers: the environment, a folder of files, none. */
public final class Keys {
    /** The least bytes of a key of {@code hash}. */
    public static final int MIN_BYTES = 16;

    private static final Pattern ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}");

    private Keys() {}

    /** {@return a provider that knows no key} */
    public static KeyProvider none() {
        return id -> null;
    }

    /** {@return keys from environment variables in base64; that of {@code id-card.2026} is JINGXI_KEY_ID_CARD_2026} */
    public static KeyProvider fromEnvironment() {
        return fromEnvironment("JINGXI_KEY_", System.getenv());
    }

    /**
     * {@return keys from variables in base64}
     *
     * @param prefix what the names of the variables begin with
     * @param environment the variables
     */
    public static KeyProvider fromEnvironment(String prefix, Map<String, String> environment) {
        return id -> {
            if (!ID.matcher(id).matches()) {
                return null;
            }
            String name = prefix + id.replace('.', '_').replace('-', '_').toUpperCase(Locale.ROOT);
            String text = environment.get(name);
            return text == null ? null : decoded(text, "environment variable `" + name + "`");
        };
    }

    /**
     * {@return keys from files named as the ids, in base64; white space around it does not count}
     *
     * @param folder the folder of the files
     */
    public static KeyProvider fromFolder(Path folder) {
        return id -> {
            if (!ID.matcher(id).matches()) {
                return null;
            }
            Path file = folder.resolve(id);
            try {
                return decoded(Files.readString(file), "key file `" + file + "`");
            } catch (NoSuchFileException absent) {
                return null;
            } catch (IOException error) {
                String kind = error.getClass().getSimpleName();
                throw new KeyUnavailableException("key file `" + file + "` cannot be read: " + kind, error);
            }
        };
    }

    private static byte[] decoded(String text, String place) {
        byte[] key;
        try {
            key = Base64.getDecoder().decode(text.strip());
        } catch (IllegalArgumentException error) {
            // The cause would quote a part of the key.
            throw new KeyUnavailableException(place + " is not base64");
        }
        if (key.length < MIN_BYTES) {
            throw new KeyUnavailableException(
                    place + " holds " + key.length + " bytes; use " + MIN_BYTES + " or more, 32 at best");
        }
        return key;
    }
}
