package dev.jingxi.client.internal.state;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/** One file of a log, read as a sequence of frames: length, CRC-32, payload. */
final class LogFile {
    static final int HEAD = 8;
    private static final int MAX_PAYLOAD = 16 * 1024 * 1024;

    final Path path;
    final long first;
    /** The whole frames up to the first one that is damaged. */
    final List<byte[]> payloads = new ArrayList<>();
    /** Where the first frame that is not whole begins. */
    int goodBytes;
    /** Whether there are whole frames behind one that is not. */
    boolean damaged;
    /** The number of the last whole frame behind a damaged one; 0 for none. */
    private long lastBehind;

    private LogFile(Path path, long first) {
        this.path = path;
        this.first = first;
    }

    static LogFile read(Path path, long first, EventLog.Kind kind) throws IOException {
        LogFile file = new LogFile(path, first);
        byte[] data = Files.readAllBytes(path);
        ByteBuffer buffer = ByteBuffer.wrap(data);
        int place = 0;
        byte[] payload = frame(buffer, place);
        while (payload != null) {
            file.payloads.add(payload);
            place += HEAD + payload.length;
            payload = frame(buffer, place);
        }
        file.goodBytes = place;
        for (int later = place + 1; later + HEAD < data.length; later++) {
            payload = frame(buffer, later);
            if (payload != null && kind.sequence(payload) > first + file.payloads.size()) {
                file.damaged = true;
                file.lastBehind = kind.sequence(payload);
                later += HEAD + payload.length - 1;
            }
        }
        return file;
    }

    /** Returns the number after the last event that the file had, as far as that can be known. */
    long next() {
        return Math.max(first + payloads.size(), lastBehind + 1);
    }

    static ByteBuffer encoded(List<byte[]> payloads) {
        int size = payloads.stream().mapToInt(payload -> HEAD + payload.length).sum();
        ByteBuffer out = ByteBuffer.allocate(size);
        for (byte[] payload : payloads) {
            out.putInt(payload.length).putInt(crc(payload, 0, payload.length)).put(payload);
        }
        return out.flip();
    }

    private static byte[] frame(ByteBuffer data, int place) {
        if (data.limit() - place < HEAD) {
            return null;
        }
        int length = data.getInt(place);
        if (length <= 0 || length > MAX_PAYLOAD || length > data.limit() - place - HEAD) {
            return null;
        }
        if (crc(data.array(), place + HEAD, length) != data.getInt(place + 4)) {
            return null;
        }
        byte[] payload = new byte[length];
        System.arraycopy(data.array(), place + HEAD, payload, 0, length);
        return payload;
    }

    private static int crc(byte[] data, int place, int length) {
        CRC32 crc = new CRC32();
        crc.update(data, place, length);
        return (int) crc.getValue();
    }
}
