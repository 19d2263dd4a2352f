package dev.jingxi.client.offline.internal;

import dev.jingxi.client.Alarm;
import dev.jingxi.client.errors.BundleException;
import dev.jingxi.client.internal.fallback.Alarms;
import dev.jingxi.client.internal.state.StateFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The bundle in use. Whatever fails, it stays. */
final class BundleHolder {
    private static final System.Logger LOG = System.getLogger(BundleHolder.class.getName());

    private final StateFolder folder;
    private final Trust trust;
    private final Alarms alarms;
    private final CountDownLatch first = new CountDownLatch(1);
    private volatile LoadedBundle current;
    private volatile String problem;
    private volatile long confirmedMillis;

    BundleHolder(StateFolder folder, Trust trust, Alarms alarms) {
        this.folder = folder;
        this.trust = trust;
        this.alarms = alarms;
        readKept();
    }

    private void readKept() {
        Path kept = folder.bundleFile();
        try {
            byte[] data = Files.readAllBytes(kept);
            use(LoadedBundle.read(data, trust, 0), Files.getLastModifiedTime(kept).toMillis());
        } catch (NoSuchFileException none) {
            return;
        } catch (BundleException | IOException error) {
            refuse("the kept bundle `" + kept + "` is not used: " + error.getMessage());
        }
    }

    /** Takes a serialized SignedBundle from a source, if it may be used; returns whether it is in use now. */
    synchronized boolean offer(byte[] data, long confirmed) {
        try {
            long inUse = current == null ? 0 : current.decider().revision();
            LoadedBundle loaded = LoadedBundle.read(data, trust, inUse);
            try {
                folder.disk().replace(folder.bundleFile(), data);
            } catch (IOException error) {
                LOG.log(System.Logger.Level.WARNING, "the bundle is used but could not be kept: " + error);
            }
            use(loaded, confirmed);
            problem = null;
            return true;
        } catch (BundleException error) {
            refuse("a new bundle is not used: " + error.getMessage());
            return false;
        }
    }

    private void use(LoadedBundle loaded, long confirmed) {
        current = loaded;
        confirmedMillis = confirmed;
        first.countDown();
        LOG.log(System.Logger.Level.INFO, "deciding by revision " + loaded.decider().revision() + ", " + loaded.decider().hash());
    }

    /** Tells that something is wrong with the source, once. */
    synchronized void refuse(String why) {
        boolean isNew = !why.equals(problem);
        problem = why;
        if (isNew) {
            alarms.raise(Alarm.Kind.BUNDLE_REFUSED, why);
        }
    }

    /** Notes that the source said that the bundle in use is in force, or was so many seconds ago. */
    void confirm(long staleSeconds) {
        confirmedMillis = System.currentTimeMillis() - staleSeconds * 1_000;
    }

    /** Returns the bundle in use; null for none. */
    LoadedBundle current() {
        return current;
    }

    String problem() {
        return problem;
    }

    Duration age() {
        return Duration.ofMillis(Math.max(0, System.currentTimeMillis() - confirmedMillis));
    }

    boolean await(Duration timeout) throws InterruptedException {
        return first.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }
}
