package dev.jingxi.client.internal.state;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.jingxi.client.errors.ConfigurationException;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.regex.Pattern;

/** A folder that one process holds. */
public final class StateFolder implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(StateFolder.class.getName());
    private static final Pattern CLIENT_ID = Pattern.compile("[0-9a-f]{32}");

    private final Path folder;
    private final Disk disk;
    private final FileChannel lockFile;
    private final FileLock lock;
    private final String clientId;

    /** Opens a folder, and makes it when it is not there. Throws ConfigurationException. */
    public StateFolder(Path folder, Disk disk) {
        this.folder = folder;
        this.disk = disk;
        try {
            makeFolder(folder);
            lockFile = FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            lock = tryLock();
            clientId = readClientId();
            makeFolder(folder.resolve("maps"));
        } catch (IOException error) {
            throw new ConfigurationException("state folder `" + folder + "` cannot be used: " + error, error);
        }
    }

    private FileLock tryLock() throws IOException {
        FileLock found;
        try {
            found = lockFile.tryLock();
        } catch (OverlappingFileLockException ours) {
            found = null;
        }
        if (found == null) {
            lockFile.close();
            throw new ConfigurationException(
                    "state folder `" + folder + "` is in use by another client; give each process one of its own");
        }
        return found;
    }

    private String readClientId() throws IOException {
        Path file = folder.resolve("client-id");
        try {
            String known = Files.readString(file).strip();
            if (CLIENT_ID.matcher(known).matches()) {
                return known;
            }
        } catch (NoSuchFileException absent) {
            // It is made below.
        }
        byte[] random = new byte[16];
        new SecureRandom().nextBytes(random);
        String made = hex(random);
        disk.replace(file, made.getBytes(StandardCharsets.US_ASCII));
        return made;
    }

    /** Returns the client's own id: 32 lower-case hexadecimal digits. */
    public String clientId() {
        return clientId;
    }

    /** Returns the file of the last good bundle. */
    public Path bundleFile() {
        return folder.resolve("bundle.pb");
    }

    /** Returns the disk that the folder is on. */
    public Disk disk() {
        return disk;
    }

    /** Opens one of the logs. Throws ConfigurationException. */
    public EventLog log(String name, EventLog.Kind kind, EventLog.Watcher watcher) {
        Path place = folder.resolve(name);
        try {
            makeFolder(place);
            return new EventLog(place, disk, kind, watcher);
        } catch (IOException error) {
            throw new ConfigurationException("state folder `" + place + "` cannot be used: " + error, error);
        }
    }

    /** Keeps a message's map. What goes wrong is logged: the map is still in memory. */
    public void keepMap(String application, String name, GetMessageMapResponse map) {
        try {
            disk.replace(mapFile(application, name), map.toByteArray());
        } catch (IOException error) {
            LOG.log(System.Logger.Level.WARNING, "the map of message `" + name + "` could not be kept: " + error);
        }
    }

    /** Returns a message's map; null when there is none that can be read. */
    public GetMessageMapResponse map(String application, String name) {
        try {
            return GetMessageMapResponse.parseFrom(Files.readAllBytes(mapFile(application, name)));
        } catch (NoSuchFileException absent) {
            return null;
        } catch (InvalidProtocolBufferException damaged) {
            LOG.log(System.Logger.Level.WARNING, "the kept map of message `" + name + "` is damaged");
            return null;
        } catch (IOException error) {
            LOG.log(System.Logger.Level.WARNING, "the kept map of message `" + name + "` cannot be read: " + error);
            return null;
        }
    }

    private Path mapFile(String application, String name) {
        byte[] key = (application + "\0" + name).getBytes(StandardCharsets.UTF_8);
        return folder.resolve("maps").resolve(hex(sha256(key)) + ".pb");
    }

    /** Returns the SHA-256 of some bytes. */
    public static byte[] sha256(byte[] data) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(data);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java has SHA-256", impossible);
        }
    }

    /** Returns bytes in lower-case hexadecimal. */
    public static String hex(byte[] data) {
        StringBuilder out = new StringBuilder(data.length * 2);
        for (byte one : data) {
            out.append(Character.forDigit(one >> 4 & 0xF, 16)).append(Character.forDigit(one & 0xF, 16));
        }
        return out.toString();
    }

    private static void makeFolder(Path folder) throws IOException {
        if (Files.isDirectory(folder)) {
            return;
        }
        if (folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } else {
            Files.createDirectories(folder);
        }
    }

    @Override
    public void close() {
        try {
            lock.release();
            lockFile.close();
        } catch (IOException error) {
            LOG.log(System.Logger.Level.WARNING, "state folder `" + folder + "` could not be closed: " + error);
        }
    }
}
