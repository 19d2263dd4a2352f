package dev.jingxi.client.internal.net;

import io.grpc.CallCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.Executor;

/** A bearer token out of a file, read again when the file changes. */
public final class TokenFile extends CallCredentials {
    private static final Metadata.Key<String> KEY = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final Path file;
    private FileTime time;
    private Object identity;
    private long size;
    private String token;

    /** Makes it; the file is read at the first call. */
    public TokenFile(Path file) {
        this.file = file;
    }

    @Override
    public void applyRequestMetadata(RequestInfo request, Executor executor, MetadataApplier applier) {
        executor.execute(() -> {
            Metadata metadata = new Metadata();
            try {
                metadata.put(KEY, "Bearer " + token());
            } catch (IOException error) {
                String kind = error.getClass().getSimpleName();
                applier.fail(Status.UNAUTHENTICATED.withDescription("token file `" + file + "` cannot be read: " + kind));
                return;
            }
            applier.apply(metadata);
        });
    }

    private synchronized String token() throws IOException {
        BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
        boolean same = token != null && now.lastModifiedTime().equals(time) && now.size() == size
                && java.util.Objects.equals(now.fileKey(), identity);
        if (!same) {
            token = Files.readString(file).strip();
            time = now.lastModifiedTime();
            size = now.size();
            identity = now.fileKey();
        }
        return token;
    }
}
