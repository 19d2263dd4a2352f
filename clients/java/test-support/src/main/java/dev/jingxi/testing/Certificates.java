package dev.jingxi.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

/** An authority, and certificates for a server on this machine and for a client, made by openssl. */
public final class Certificates {
    private final Path folder;

    private Certificates(Path folder) {
        this.folder = folder;
    }

    /** Makes them in a folder. */
    public static Certificates make(Path folder) {
        Certificates made = new Certificates(folder);
        made.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt");
        made.issue("server", "subjectAltName=IP:127.0.0.1,DNS:localhost");
        made.issue("client", "subjectAltName=DNS:counter.bank.example");
        return made;
    }

    private void issue(String name, String extension) {
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=" + name, "-addext", extension, "-CA", "ca.crt", "-CAkey", "ca.key",
                "-keyout", name + ".key", "-out", name + ".crt");
    }

    private void openssl(String... words) {
        List<String> command = new java.util.ArrayList<>(List.of("openssl"));
        command.addAll(List.of(words));
        try {
            Process process = new ProcessBuilder(command).directory(folder.toFile())
                    .redirectErrorStream(true).redirectOutput(folder.resolve("openssl.log").toFile()).start();
            if (process.waitFor() != 0) {
                throw new IllegalStateException("openssl failed; see " + folder.resolve("openssl.log"));
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(interrupted);
        }
    }

    /** Returns one of the files: {@code ca.crt}, {@code server.crt}, {@code server.key}, {@code client.crt}, {@code client.key}. */
    public Path file(String name) {
        return folder.resolve(name);
    }
}
