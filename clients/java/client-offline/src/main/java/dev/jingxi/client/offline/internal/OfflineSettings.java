package dev.jingxi.client.offline.internal;

import dev.jingxi.client.Alarm;
import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.Metrics;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Executor;

/** What an offline client was set up with. */
public final class OfflineSettings {
    final Path stateFolder;
    final Path bundleFile;
    final Duration maxAge;
    final boolean async;
    final boolean asyncAlways;
    final KeyProvider keys;
    final Alarm alarm;
    final Metrics metrics;
    final Duration deadline;
    final Executor executor;

    /** Makes it. `bundleFile`, `maxAge` and `executor` may be null. */
    public OfflineSettings(Path stateFolder, Path bundleFile, Duration maxAge, boolean async, boolean asyncAlways,
            KeyProvider keys, Alarm alarm, Metrics metrics, Duration deadline, Executor executor) {
        this.stateFolder = stateFolder;
        this.bundleFile = bundleFile;
        this.maxAge = maxAge;
        this.async = async;
        this.asyncAlways = asyncAlways;
        this.keys = keys;
        this.alarm = alarm;
        this.metrics = metrics;
        this.deadline = deadline;
        this.executor = executor;
    }
}
