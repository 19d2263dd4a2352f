package dev.jingxi.client.offline.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jingxi.client.internal.fallback.Alarms;
import dev.jingxi.client.internal.state.Disk;
import dev.jingxi.client.internal.state.StateFolder;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.DecideResponse;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DecisionRecorderTest {
    private static final long PATIENCE_SECONDS = 60;

    /** A disk on which writing takes until it is let go on. */
    private static final class SlowDisk extends Disk {
        volatile boolean slow;
        final CountDownLatch writing = new CountDownLatch(1);
        final CountDownLatch goOn = new CountDownLatch(1);

        @Override
        public void force(FileChannel file) throws IOException {
            if (!slow) {
                super.force(file);
                return;
            }
            writing.countDown();
            try {
                assertTrue(goOn.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
            } catch (InterruptedException interrupted) {
                file.close(); // as a channel does
                throw new IOException("interrupted", interrupted);
            }
            super.force(file);
        }
    }

    @Test
    void closingWaitsForWhatIsBeingWritten(@TempDir Path path) throws Exception {
        SlowDisk disk = new SlowDisk();
        Alarms alarms = new Alarms((kind, message) -> {});
        try (StateFolder folder = new StateFolder(path, disk)) {
            DecisionRecorder recorder = new DecisionRecorder(folder, null, alarms, true);
            disk.slow = true;
            Said said = new Said(DecideResponse.getDefaultInstance(), field -> "");
            recorder.record(List.of(DecideRequest.getDefaultInstance()), List.of(new Answer(said, "r", List.of())), 1, false);
            assertTrue(disk.writing.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
            Thread closing = new Thread(recorder::close);
            closing.start();
            while (closing.getState() != Thread.State.BLOCKED && closing.isAlive()) {
                Thread.onSpinWait();
            }
            disk.goOn.countDown();
            closing.join(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
            try (DecisionRecorder again = new DecisionRecorder(folder, null, alarms, false)) {
                assertEquals(1, again.unreported());
            }
        }
    }
}
