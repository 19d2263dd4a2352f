package dev.jingxi.client.offline;

import dev.jingxi.client.ConnectionBuilder;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.errors.ConfigurationException;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.client.offline.internal.BundleClient;
import dev.jingxi.client.offline.internal.OfflineSettings;
import dev.jingxi.client.offline.internal.Trust;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Builds clients that decide by a bundle. A state folder and a trusted key are required. */
public final class OfflineBuilder extends ConnectionBuilder<OfflineBuilder> {
    private final List<Path> trust = new ArrayList<>();
    private Path bundleFile;
    private Duration maxAge;
    private boolean async;
    private boolean asyncAlways;

    OfflineBuilder(String... targets) {
        super(targets);
    }

    @Override
    protected OfflineBuilder self() {
        return this;
    }

    /**
     * {@return this builder, with keys whose signature counts}
     *
     * @param files PEM files with public keys
     */
    public OfflineBuilder trust(Path... files) {
        trust.addAll(List.of(files));
        return this;
    }

    /**
     * {@return this builder, with a file as the source of bundles instead of the service; looked at every 5 s}
     *
     * @param file as {@code pdp bundle export} writes it
     */
    public OfflineBuilder bundleFile(Path file) {
        bundleFile = file;
        return this;
    }

    /**
     * {@return this builder, with the age from which on decisions tell that policies may be stale}
     *
     * @param age since the source last confirmed the bundle; none unless given
     */
    public OfflineBuilder maxAge(Duration age) {
        maxAge = age;
        return this;
    }

    /**
     * {@return this builder, recording within 100 ms what unmasks nothing of C2 or C3, instead of before the message is
     * returned}
     */
    public OfflineBuilder recordAsync() {
        async = true;
        return this;
    }

    /**
     * {@return this builder, recording every decision within 100 ms: a machine that loses power in that time has shown what
     * nobody will know of}
     */
    public OfflineBuilder recordAsyncAlways() {
        async = true;
        asyncAlways = true;
        return this;
    }

    /**
     * {@return a client}
     *
     * @throws ConfigurationException when what was given makes no sense or is not safe
     */
    public JingxiClient build() {
        if (stateFolder() == null) {
            throw new ConfigurationException("an offline client must record what it decides; call `stateFolder(…)`");
        }
        if (!hasTarget() && bundleFile == null) {
            throw new ConfigurationException("there is no source of bundles; give addresses, or call `bundleFile(…)`");
        }
        Trust trusted = new Trust(trust);
        Connection connection = hasTarget() ? connect() : null;
        return new BundleClient(connection, trusted, new OfflineSettings(
                stateFolder(), bundleFile, maxAge, async, asyncAlways, keys(), alarm(), metrics(), deadline(), executor()));
    }
}
