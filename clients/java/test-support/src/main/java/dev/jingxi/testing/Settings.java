package dev.jingxi.testing;

import java.nio.file.Path;

/** Where things are: by the environment, else as in the repository. */
final class Settings {
    private Settings() {}

    static String text(String name, String otherwise) {
        String found = System.getenv(name);
        return found == null || found.isEmpty() ? otherwise : found;
    }

    static Path path(String name, String otherwise) {
        return Path.of(text(name, otherwise)).toAbsolutePath().normalize();
    }
}
