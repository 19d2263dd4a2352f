package dev.jingxi.client.offline.internal;

import com.google.protobuf.ByteString;
import dev.jingxi.client.errors.ClientClosedException;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.client.internal.net.Threads;
import dev.jingxi.pdp.v1.BundleHeader;
import dev.jingxi.pdp.v1.BundleServiceGrpc;
import dev.jingxi.pdp.v1.SignedBundle;
import dev.jingxi.pdp.v1.WatchBundleRequest;
import dev.jingxi.pdp.v1.WatchBundleResponse;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Bundles from the service, as they come into force. */
final class WatchSource implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(WatchSource.class.getName());
    private static final long MAX_BYTES = 64L * 1024 * 1024;
    private static final long SHORTEST_MILLIS = 100;
    private static final long LONGEST_MILLIS = 2_000;

    private final Connection connection;
    private final BundleHolder holder;
    private final Thread thread;
    private volatile boolean closed;
    private long pause = SHORTEST_MILLIS;

    WatchSource(Connection connection, BundleHolder holder) {
        this.connection = connection;
        this.holder = holder;
        this.thread = Threads.named("jingxi-bundle-watch").newThread(this::run);
        thread.start();
    }

    private void run() {
        while (!closed) {
            try {
                watch();
            } catch (StatusRuntimeException error) {
                LOG.log(System.Logger.Level.DEBUG, "no bundles come from the service: " + error.getStatus());
                switch (error.getStatus().getCode()) {
                    case UNAUTHENTICATED:
                    case PERMISSION_DENIED:
                    case UNIMPLEMENTED:
                        holder.refuse("the service gives no bundles: " + error.getStatus().getDescription());
                        break;
                    default:
                        break;
                }
            } catch (ClientClosedException end) {
                return;
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(pause));
            pause = Math.min(pause * 2, LONGEST_MILLIS);
        }
    }

    private void watch() {
        LoadedBundle known = holder.current();
        WatchBundleRequest request = WatchBundleRequest.newBuilder()
                .setKnownRevision(known == null ? 0 : known.decider().revision())
                .setKnownHash(known == null ? "" : known.decider().hash())
                .build();
        Iterator<WatchBundleResponse> parts = connection.stream(BundleServiceGrpc.getWatchBundleMethod(), request);
        BundleHeader header = null;
        ByteString.Output bytes = ByteString.newOutput();
        while (!closed && parts.hasNext()) {
            WatchBundleResponse part = parts.next();
            pause = SHORTEST_MILLIS;
            switch (part.getPartCase()) {
                case HEADER:
                    header = part.getHeader();
                    bytes = ByteString.newOutput();
                    if (header.getSize() > MAX_BYTES) {
                        holder.refuse("a new bundle is not used: it is larger than " + MAX_BYTES + " bytes");
                        header = null;
                    }
                    break;
                case CHUNK:
                    if (header != null) {
                        byte[] data = part.getChunk().toByteArray();
                        bytes.write(data, 0, data.length);
                    }
                    break;
                case CURRENT:
                    holder.confirm(part.getCurrent().getStaleSeconds());
                    break;
                default:
                    break;
            }
            if (header != null && bytes.size() >= header.getSize()) {
                offer(header, bytes.toByteString());
                header = null;
            }
        }
    }

    private void offer(BundleHeader header, ByteString bytes) {
        SignedBundle signed = SignedBundle.newBuilder()
                .setBundle(bytes)
                .setHash(header.getHash())
                .setRevision(header.getRevision())
                .setKeyId(header.getKeyId())
                .setSignature(header.getSignature())
                .build();
        holder.offer(signed.toByteArray(), System.currentTimeMillis());
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
