package dev.jingxi.client.internal.state;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongFunction;

/**
 * Events on the disk, numbered from 1 without a gap, until the service has recorded them. Safe to share; calls at the same
 * time share an fsync.
 */
public final class EventLog implements AutoCloseable {
    static final long FILE_BYTES = 4L * 1024 * 1024;
    static final long MAX_BYTES = 64L * 1024 * 1024;
    private static final int FRAME_HEAD = LogFile.HEAD;

    private final Path folder;
    private final Disk disk;
    private final Kind kind;
    private final Watcher watcher;
    private final Object forcing = new Object();
    /** The number after the last event of each file, by the number of its first. */
    private final TreeMap<Long, Span> files = new TreeMap<>();
    private FileChannel current;
    private long currentFirst;
    private long next = 1;
    private long reported;
    private long total;
    private boolean filling;
    /** All before this number is on the disk. */
    private long durable = 1;
    private long durableBytes;
    /** Counts the times that unforced events were taken back. */
    private int failures;

    /** What the payloads of a log are. */
    public interface Kind {
        /** Returns the number that a payload tells. */
        long sequence(byte[] payload);

        /** Returns the payload that stands for an event that was lost. */
        byte[] lost(long sequence);
    }

    /** Who is told how a log is doing. */
    public interface Watcher {
        /** The log is more than half full. */
        void filling(String message);

        /** Events are lost. */
        void damaged(String message);
    }

    private static final class Span {
        final long end;
        final long bytes;

        Span(long end, long bytes) {
            this.end = end;
            this.bytes = bytes;
        }
    }

    EventLog(Path folder, Disk disk, Kind kind, Watcher watcher) throws IOException {
        this.folder = folder;
        this.disk = disk;
        this.kind = kind;
        this.watcher = watcher;
        this.reported = readReported();
        recover();
        this.durable = next;
    }

    private long readReported() throws IOException {
        try {
            String text = Files.readString(folder.resolve("reported")).strip();
            return text.matches("[0-9]{1,18}") ? Long.parseLong(text) : 0;
        } catch (NoSuchFileException absent) {
            return 0;
        }
    }

    private void recover() throws IOException {
        List<Long> firsts = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, "*.log")) {
            for (Path path : found) {
                String name = path.getFileName().toString();
                if (name.matches("[0-9]{8,18}\\.log")) {
                    firsts.add(Long.valueOf(name.substring(0, name.length() - 4)));
                }
            }
        }
        firsts.sort(null);
        for (int i = 0; i < firsts.size(); i++) {
            LogFile file = LogFile.read(path(firsts.get(i)), firsts.get(i), kind);
            boolean last = i == firsts.size() - 1;
            if (last && !file.damaged && file.goodBytes < Files.size(file.path)) {
                try (FileChannel torn = FileChannel.open(file.path, StandardOpenOption.WRITE)) {
                    torn.truncate(file.goodBytes);
                    disk.force(torn);
                }
            }
            long end = last ? file.next() : firsts.get(i + 1);
            if (end > file.first + file.payloads.size()) {
                watcher.damaged("`" + file.path + "` is damaged: " + (end - file.first - file.payloads.size())
                        + " records from number " + (file.first + file.payloads.size()) + " on are lost");
            }
            files.put(file.first, new Span(end, Files.size(file.path)));
            total += Files.size(file.path);
            next = Math.max(next, end);
        }
        next = Math.max(next, reported + 1);
    }

    private Path path(long first) {
        // Not by String.format, whose digits are those of the machine's language.
        String number = Long.toString(first);
        return folder.resolve("0".repeat(Math.max(8 - number.length(), 0)) + number + ".log");
    }

    /** Appends events, each made from its number, and returns when they are on the disk. */
    public void append(List<? extends LongFunction<byte[]>> events) throws IOException {
        long last;
        int known;
        synchronized (this) {
            last = write(events);
            known = failures;
        }
        force(last, known);
    }

    /** Appends events without waiting for the disk; {@link #flush} does. Returns the number of the first. */
    public synchronized long appendLater(List<? extends LongFunction<byte[]>> events) throws IOException {
        return write(events) - events.size() + 1;
    }

    /** Returns when all that was appended is on the disk. */
    public void flush() throws IOException {
        long last;
        int known;
        synchronized (this) {
            last = next - 1;
            known = failures;
        }
        force(last, known);
    }

    private long write(List<? extends LongFunction<byte[]>> events) throws IOException {
        List<byte[]> payloads = new ArrayList<>(events.size());
        long bytes = 0;
        for (LongFunction<byte[]> event : events) {
            byte[] payload = event.apply(next + payloads.size());
            payloads.add(payload);
            bytes += FRAME_HEAD + payload.length;
        }
        if (total + bytes > MAX_BYTES) {
            throw new IOException("the state folder holds " + MAX_BYTES + " bytes of what was not reported");
        }
        if (current == null || current.size() >= FILE_BYTES) {
            beginFile();
        }
        long before = current.size();
        try {
            disk.append(current, LogFile.encoded(payloads));
        } catch (IOException error) {
            // A part of a frame must not stand before the next one.
            takeBackUnforced();
            throw error;
        }
        next += payloads.size();
        total += bytes;
        files.put(currentFirst, new Span(next, before + bytes));
        tellFilling();
        return next - 1;
    }

    private void tellFilling() {
        boolean half = total > MAX_BYTES / 2;
        if (half && !filling) {
            watcher.filling("the state folder `" + folder + "` is more than half full: " + total + " bytes");
        }
        filling = half;
    }

    private void beginFile() throws IOException {
        if (current != null) {
            disk.force(current);
            durable = next;
            current.close();
            current = null;
        }
        FileChannel made = FileChannel.open(path(next), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        try {
            disk.forceFolder(folder);
        } catch (IOException error) {
            made.close();
            throw error;
        }
        current = made;
        currentFirst = next;
        durableBytes = 0;
        files.put(currentFirst, new Span(next, 0));
    }

    private void force(long last, int known) throws IOException {
        synchronized (forcing) {
            FileChannel file;
            long upTo;
            long bytes;
            synchronized (this) {
                if (known != failures) {
                    throw new IOException("the disk failed before the event was on it");
                }
                if (durable > last) {
                    return;
                }
                file = current;
                upTo = next;
                bytes = file == null ? 0 : file.size();
            }
            try {
                if (file != null) {
                    disk.force(file);
                }
            } catch (IOException error) {
                synchronized (this) {
                    if (durable > last) {
                        return; // a new file was begun meanwhile, which forced this one
                    }
                    if (known == failures) {
                        takeBackUnforced();
                    }
                }
                throw error;
            }
            synchronized (this) {
                if (file == current) {
                    durableBytes = bytes;
                }
                durable = Math.max(durable, upTo);
            }
        }
    }

    /** Events that are not on the disk were told as not recorded, so their numbers are free again. */
    private void takeBackUnforced() throws IOException {
        failures++;
        next = durable;
        takeBack(durableBytes);
    }

    private void takeBack(long bytes) throws IOException {
        FileChannel broken = current;
        current = null;
        if (broken == null) {
            return;
        }
        try (broken) {
            broken.truncate(bytes);
        } finally {
            total -= files.remove(currentFirst).bytes;
            if (bytes > 0) {
                files.put(currentFirst, new Span(next, bytes));
                total += bytes;
            } else {
                Files.deleteIfExists(path(currentFirst));
            }
        }
    }

    /** Returns how many events the service has not recorded. */
    public synchronized long unreported() {
        return durable - 1 - reported;
    }

    /** Returns the number of the next event. */
    public synchronized long next() {
        return next;
    }

    /** Returns the payloads to report next, from a number on (0: after the reported ones); lost ones by their stand-in. */
    public synchronized List<byte[]> read(long from, int count, int bytes) throws IOException {
        List<byte[]> found = new ArrayList<>();
        long number = from == 0 ? reported + 1 : from;
        int size = 0;
        LogFile open = null;
        while (found.size() < count && number < durable) {
            Map.Entry<Long, Span> holder = files.floorEntry(number);
            byte[] payload = null;
            if (holder != null && number < holder.getValue().end) {
                if (open == null || open.first != holder.getKey()) {
                    open = LogFile.read(path(holder.getKey()), holder.getKey(), kind);
                }
                int place = (int) (number - open.first);
                payload = place < open.payloads.size() ? open.payloads.get(place) : null;
            }
            if (payload == null) {
                payload = kind.lost(number);
            }
            if (!found.isEmpty() && size + payload.length > bytes) {
                break;
            }
            found.add(payload);
            size += payload.length + 8;
            number++;
        }
        return found;
    }

    /** Notes that the service has recorded everything up to a number, and removes what is no longer needed. */
    public synchronized void reported(long through) throws IOException {
        long known = Math.min(through, durable - 1);
        if (known < reported) {
            return;
        }
        disk.replace(folder.resolve("reported"), Long.toString(known).getBytes(StandardCharsets.US_ASCII));
        reported = known;
        for (Map.Entry<Long, Span> entry : new ArrayList<>(files.entrySet())) {
            boolean open = current != null && entry.getKey() == currentFirst;
            if (entry.getValue().end - 1 > known || open && next != durable) {
                continue;
            }
            if (open) {
                current.close();
                current = null;
            }
            Files.deleteIfExists(path(entry.getKey()));
            files.remove(entry.getKey());
            total -= entry.getValue().bytes;
        }
        filling = total > MAX_BYTES / 2;
    }

    /** Sets the next number past what the service has already recorded of this client. */
    public synchronized void skipTo(long expected) throws IOException {
        if (expected > next) {
            if (current != null) {
                disk.force(current);
                current.close();
                current = null;
            }
            next = expected;
            durable = expected;
        }
        reported(expected - 1);
    }

    @Override
    public void close() throws IOException {
        flush();
        synchronized (this) {
            if (current != null) {
                current.close();
                current = null;
            }
        }
    }
}
