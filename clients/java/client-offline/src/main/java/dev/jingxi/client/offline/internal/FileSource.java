package dev.jingxi.client.offline.internal;

import dev.jingxi.client.internal.net.Threads;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Bundles out of a file that is looked at every 5 s. */
final class FileSource implements AutoCloseable {
    private static final int EVERY_SECONDS = 5;

    private final Path file;
    private final BundleHolder holder;
    private final ScheduledThreadPoolExecutor executor =
            new ScheduledThreadPoolExecutor(1, Threads.named("jingxi-bundle-file"));
    private List<Object> seen = List.of();

    FileSource(Path file, BundleHolder holder) {
        this.file = file;
        this.holder = holder;
        look();
        executor.scheduleWithFixedDelay(this::look, EVERY_SECONDS, EVERY_SECONDS, TimeUnit.SECONDS);
    }

    private void look() {
        try {
            BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
            List<Object> looks = List.of(now.lastModifiedTime(), now.size(), String.valueOf(now.fileKey()));
            if (!looks.equals(seen)) {
                seen = looks;
                holder.offer(Files.readAllBytes(file), now.lastModifiedTime().toMillis());
            }
        } catch (IOException error) {
            seen = List.of();
            holder.refuse("bundle file `" + file + "` cannot be read: " + error);
        }
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }
}
