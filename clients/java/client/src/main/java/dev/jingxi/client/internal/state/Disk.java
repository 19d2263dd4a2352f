package dev.jingxi.client.internal.state;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** What is asked of a disk; the seam at which tests let one fail. */
public class Disk {
    /** Writes all of a buffer at the end of a file. */
    public void append(FileChannel file, ByteBuffer data) throws IOException {
        while (data.hasRemaining()) {
            file.write(data);
        }
    }

    /** Returns when a file is on the disk. */
    public void force(FileChannel file) throws IOException {
        file.force(false);
    }

    /** Returns when the names in a folder are on the disk. */
    public void forceFolder(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Puts a whole file in place at once, and returns when it is on the disk. */
    public void replace(Path file, byte[] data) throws IOException {
        Path aside = file.resolveSibling(file.getFileName() + ".new");
        try (FileChannel channel = FileChannel.open(aside, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
            append(channel, ByteBuffer.wrap(data));
            force(channel);
        }
        try {
            Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException notThere) {
            Files.move(aside, file, StandardCopyOption.REPLACE_EXISTING);
        }
        forceFolder(file.getParent());
    }
}
