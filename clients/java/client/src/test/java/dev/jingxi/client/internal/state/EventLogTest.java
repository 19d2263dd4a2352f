package dev.jingxi.client.internal.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jingxi.client.errors.ConfigurationException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventLogTest {
    @TempDir
    Path folder;

    private final List<String> told = Collections.synchronizedList(new ArrayList<>());

    private static final class Numbers implements EventLog.Kind {
        @Override
        public long sequence(byte[] payload) {
            String text = new String(payload, StandardCharsets.US_ASCII);
            return text.matches("[0-9]+( x*)?") ? Long.parseLong(text.split(" ")[0]) : 0;
        }

        @Override
        public byte[] lost(long sequence) {
            return ("lost " + sequence).getBytes(StandardCharsets.US_ASCII);
        }
    }

    private EventLog open(Disk disk) throws IOException {
        return new EventLog(folder, disk, new Numbers(), new EventLog.Watcher() {
            @Override
            public void filling(String message) {
                told.add("filling");
            }

            @Override
            public void damaged(String message) {
                told.add(message);
            }
        });
    }

    private static List<LongFunction<byte[]>> events(int count, int bytes) {
        return Collections.nCopies(count, number -> (number + " " + "x".repeat(bytes)).getBytes(StandardCharsets.US_ASCII));
    }

    private static List<String> read(EventLog log) throws IOException {
        List<String> found = new ArrayList<>();
        for (byte[] payload : log.read(0, 1_000_000, Integer.MAX_VALUE)) {
            found.add(new String(payload, StandardCharsets.US_ASCII).split(" x")[0].strip());
        }
        return found;
    }

    private Path file(String name) {
        return folder.resolve(name);
    }

    @Test
    void whatIsAppendedIsThereAfterOpeningAgain() throws IOException {
        try (EventLog log = open(new Disk())) {
            log.append(events(2, 3));
            log.append(events(1, 3));
        }
        byte[] data = Files.readAllBytes(file("00000001.log"));
        ByteBuffer head = ByteBuffer.wrap(data);
        assertEquals(5, head.getInt());
        try (EventLog log = open(new Disk())) {
            assertEquals(List.of("1", "2", "3"), read(log));
            assertEquals(3, log.unreported());
            log.reported(2);
            assertEquals(List.of("3"), read(log));
            log.append(events(1, 1));
        }
        assertEquals("2", Files.readString(file("reported")));
        try (EventLog log = open(new Disk())) {
            assertEquals(List.of("3", "4"), read(log));
            log.reported(4);
            assertFalse(Files.exists(file("00000001.log")));
            log.append(events(1, 1));
            assertEquals(List.of("5"), read(log));
        }
        try (EventLog log = open(new Disk())) {
            log.reported(5);
        }
        try (EventLog log = open(new Disk())) {
            log.append(events(1, 1));
            assertEquals(List.of("6"), read(log), "numbers go on although no file is left");
        }
        assertEquals(List.of(), told);
    }

    @Test
    void filesHaveTheSameNamesWhateverTheLanguageOfTheMachine() throws IOException {
        Locale usual = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
        try (EventLog log = open(new Disk())) {
            log.append(events(1, 3));
        } finally {
            Locale.setDefault(usual);
        }
        assertTrue(Files.exists(file("00000001.log")));
        try (EventLog log = open(new Disk())) {
            assertEquals(List.of("1"), read(log));
        }
    }

    @Test
    void aTornFrameIsCutOffWhereverItIsTorn() throws IOException {
        try (EventLog log = open(new Disk())) {
            log.append(events(2, 10));
        }
        byte[] whole = Files.readAllBytes(file("00000001.log"));
        int first = 8 + 12;
        for (int size = first; size < whole.length; size++) {
            Files.write(file("00000001.log"), java.util.Arrays.copyOf(whole, size));
            try (EventLog log = open(new Disk())) {
                assertEquals(List.of("1"), read(log), "cut to " + size);
                assertEquals(first, Files.size(file("00000001.log")));
                log.append(events(1, 1));
                assertEquals(List.of("1", "2"), read(log));
            }
            Files.deleteIfExists(file("00000002.log"));
        }
        assertEquals(List.of(), told);
    }

    @Test
    void anyFlippedBitLosesRecordsButNoNumber() throws IOException {
        try (EventLog log = open(new Disk())) {
            log.append(events(4, 5));
        }
        byte[] whole = Files.readAllBytes(file("00000001.log"));
        int frame = whole.length / 4;
        for (int bit = 0; bit < frame * 2 * 8; bit += 3) {
            byte[] flipped = whole.clone();
            flipped[bit / 8] ^= (byte) (1 << bit % 8);
            Files.write(file("00000001.log"), flipped);
            told.clear();
            try (EventLog log = open(new Disk())) {
                List<String> expected = bit / 8 < frame ? List.of("lost 1", "lost 2", "lost 3", "lost 4")
                        : List.of("1", "lost 2", "lost 3", "lost 4");
                assertEquals(expected, read(log), "bit " + bit);
                assertEquals(1, told.size());
                log.append(events(1, 1));
                assertEquals("5", read(log).get(4));
            }
            Files.delete(file("00000005.log"));
        }
    }

    @Test
    void filesAreBegunAndRemovedAndTheWholeIsBounded() throws IOException {
        try (EventLog log = open(new Disk())) {
            int appended = 0;
            while (true) {
                try {
                    log.append(events(1, 1_000_000));
                    appended++;
                } catch (IOException full) {
                    break;
                }
            }
            assertEquals(67, appended);
            assertEquals(List.of("filling"), told);
            assertTrue(Files.exists(file("00000006.log")));
            log.reported(66);
            assertFalse(Files.exists(file("00000006.log")));
            log.append(events(1, 10));
            assertEquals(List.of("67", "68"), read(log));
        }
    }

    /** A disk that fails when it is told to. */
    private static final class FailingDisk extends Disk {
        volatile boolean appendFails;
        volatile boolean forceFails;

        @Override
        public void append(FileChannel file, ByteBuffer data) throws IOException {
            if (appendFails) {
                data.limit(data.remaining() / 2);
                super.append(file, data);
                throw new IOException("No space left on device");
            }
            super.append(file, data);
        }

        @Override
        public void force(FileChannel file) throws IOException {
            if (forceFails) {
                throw new IOException("Input/output error");
            }
            super.force(file);
        }
    }

    @Test
    void whatCouldNotBeWrittenIsNotThere() throws IOException {
        FailingDisk disk = new FailingDisk();
        try (EventLog log = open(disk)) {
            log.append(events(1, 4));
            disk.appendFails = true;
            assertThrows(IOException.class, () -> log.append(events(2, 4)));
            disk.appendFails = false;
            disk.forceFails = true;
            assertThrows(IOException.class, () -> log.append(events(2, 4)));
            disk.forceFails = false;
            log.append(events(1, 4));
            assertEquals(List.of("1", "2"), read(log));
        }
        try (EventLog log = open(new Disk())) {
            assertEquals(List.of("1", "2"), read(log));
        }
        assertEquals(List.of(), told);
    }

    @Test
    void aFolderThatIsGoneIsAnErrorAndNothingMore() throws IOException {
        try (EventLog log = open(new Disk())) {
            Files.delete(folder);
            assertThrows(IOException.class, () -> log.append(events(1, 1)));
            Files.createDirectory(folder);
            log.append(events(1, 1));
            assertEquals(List.of("1"), read(log));
        }
    }

    @Test
    void threadsShareTheDiskAndLoseNothing() throws Exception {
        AtomicInteger forced = new AtomicInteger();
        Disk counting = new Disk() {
            @Override
            public void force(FileChannel file) throws IOException {
                forced.incrementAndGet();
                super.force(file);
            }
        };
        Set<Long> numbers = new ConcurrentSkipListSet<>();
        try (EventLog log = open(counting)) {
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                threads.add(new Thread(() -> {
                    for (int j = 0; j < 25; j++) {
                        try {
                            log.append(List.<LongFunction<byte[]>>of(number -> {
                                numbers.add(number);
                                return Long.toString(number).getBytes(StandardCharsets.US_ASCII);
                            }));
                        } catch (IOException error) {
                            throw new UncheckedIOException(error);
                        }
                    }
                }));
            }
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(500, numbers.size());
            assertEquals(500, new TreeSet<>(read(log)).size());
            assertTrue(forced.get() <= 500, "calls at the same time share an fsync: " + forced);
        }
    }

    @Test
    void theServiceMayKnowMoreThanTheFolder() throws IOException {
        try (EventLog log = open(new Disk())) {
            log.append(events(1, 1));
            log.skipTo(9);
            log.append(events(1, 1));
            assertEquals(List.of("9"), read(log));
        }
        try (EventLog log = open(new Disk())) {
            assertEquals(List.of("9"), read(log));
            List<byte[]> earlier = log.read(7, 10, 1_000);
            assertEquals("lost 7", new String(earlier.get(0), StandardCharsets.US_ASCII));
            assertEquals(3, earlier.size());
        }
    }

    @Test
    void oneProcessHoldsAFolder() {
        StateFolder held = new StateFolder(folder.resolve("state"), new Disk());
        String id = held.clientId();
        assertTrue(id.matches("[0-9a-f]{32}"));
        assertThrows(ConfigurationException.class, () -> new StateFolder(folder.resolve("state"), new Disk()));
        held.close();
        try (StateFolder again = new StateFolder(folder.resolve("state"), new Disk())) {
            assertEquals(id, again.clientId());
        }
    }
}
