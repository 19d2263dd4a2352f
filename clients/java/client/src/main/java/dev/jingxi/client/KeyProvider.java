package dev.jingxi.client;

/**
 * Where the keys of the {@code hash}, {@code encrypt} and {@code fpe} masks come from. May be called by several threads at
 * a time; see {@link Keys} for ready ones.
 */
@FunctionalInterface
public interface KeyProvider {
    /**
     * {@return the key, or null when there is none of this id}
     *
     * @param id the id of the key
     * @throws dev.jingxi.client.errors.KeyUnavailableException when it is there and cannot be used
     */
    byte[] key(String id);
}
