package dev.jingxi.client;

import dev.jingxi.client.errors.ConfigurationException;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.client.internal.net.Targets;
import dev.jingxi.client.internal.net.TokenFile;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.InsecureChannelCredentials;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;

/**
 * What every client is set up with.
 *
 * @param <B> the kind of builder
 */
public abstract class ConnectionBuilder<B extends ConnectionBuilder<B>> {
    private final List<String> targets;
    private final List<ClientInterceptor> interceptors = new ArrayList<>();
    private ChannelCredentials credentials;
    private boolean insecure;
    private Path token;
    private Duration deadline = Duration.ofMillis(500);
    private KeyProvider keys = Keys.none();
    private Path stateFolder;
    private Alarm alarm = (kind, message) -> {};
    private Metrics metrics = Metrics.NONE;
    private Executor executor;

    /**
     * Begins.
     *
     * @param targets addresses; may be empty
     */
    protected ConnectionBuilder(String... targets) {
        this.targets = List.of(targets);
    }

    /** {@return this builder} */
    protected abstract B self();

    /** {@return this builder, with TLS and the machine's own roots} */
    public B tls() {
        credentials = TlsChannelCredentials.create();
        return self();
    }

    /**
     * {@return this builder, with TLS and own roots}
     *
     * @param roots a PEM file with certificates of authorities
     */
    public B tls(Path roots) {
        try {
            return tls(TlsChannelCredentials.newBuilder().trustManager(roots.toFile()).build());
        } catch (IOException error) {
            throw unreadable(error);
        }
    }

    /**
     * {@return this builder, with mutual TLS}
     *
     * @param roots a PEM file with certificates of authorities
     * @param certificate a PEM file with the client's certificate, and those that lead to an authority
     * @param key a PEM file with its private key (PKCS 8)
     */
    public B tls(Path roots, Path certificate, Path key) {
        try {
            return tls(TlsChannelCredentials.newBuilder()
                    .trustManager(roots.toFile())
                    .keyManager(certificate.toFile(), key.toFile())
                    .build());
        } catch (IOException error) {
            throw unreadable(error);
        }
    }

    /**
     * {@return this builder, with credentials made elsewhere}
     *
     * @param value credentials of a gRPC channel
     */
    public B tls(ChannelCredentials value) {
        credentials = value;
        return self();
    }

    /** {@return this builder, sending attributes in plain text to other machines too} */
    public B insecure() {
        insecure = true;
        return self();
    }

    /**
     * {@return this builder, with a bearer token; only over TLS or to this machine}
     *
     * @param file holds the token; read again when it changes
     */
    public B token(Path file) {
        token = file;
        return self();
    }

    /**
     * {@return this builder, with the time that a call of a method takes at most, retries included}
     *
     * @param value above 0; 500 ms unless given
     */
    public B deadline(Duration value) {
        if (value.isZero() || value.isNegative()) {
            throw new ConfigurationException("deadline is `" + value + "`; give a time above 0");
        }
        deadline = value;
        return self();
    }

    /**
     * {@return this builder, with keys for the masks that need them}
     *
     * @param value see {@link Keys}
     */
    public B keys(KeyProvider value) {
        keys = value;
        return self();
    }

    /**
     * {@return this builder, with a folder for what must not be lost}
     *
     * @param folder of this process alone; made when it is not there
     */
    public B stateFolder(Path folder) {
        stateFolder = folder;
        return self();
    }

    /**
     * {@return this builder, with who is told of what somebody should look at}
     *
     * @param value the alarm
     */
    public B alarm(Alarm value) {
        alarm = value;
        return self();
    }

    /**
     * {@return this builder, with who is told of calls and messages}
     *
     * @param value the hook
     */
    public B metrics(Metrics value) {
        metrics = value;
        return self();
    }

    /**
     * {@return this builder, with further interceptors of calls}
     *
     * @param more interceptors; the last one is called first
     */
    public B interceptors(ClientInterceptor... more) {
        interceptors.addAll(List.of(more));
        return self();
    }

    /**
     * {@return this builder, with who runs the methods that return a future}
     *
     * @param value threads that may wait; up to 32 of the client's own unless given
     */
    public B executor(Executor value) {
        executor = value;
        return self();
    }

    /** {@return the keys} */
    protected final KeyProvider keys() {
        return keys;
    }

    /** {@return the folder for what must not be lost, or null} */
    protected final Path stateFolder() {
        return stateFolder;
    }

    /** {@return the alarm} */
    protected final Alarm alarm() {
        return alarm;
    }

    /** {@return the metrics hook} */
    protected final Metrics metrics() {
        return metrics;
    }

    /** {@return the time that a call of a method takes at most} */
    protected final Duration deadline() {
        return deadline;
    }

    /** {@return who runs the methods that return a future, or null} */
    protected final Executor executor() {
        return executor;
    }

    /** {@return whether there is an address} */
    protected final boolean hasTarget() {
        return !targets.isEmpty();
    }

    /**
     * {@return a connection}
     *
     * @throws ConfigurationException when it would not be safe
     */
    protected final Connection connect() {
        Targets where = Targets.of(targets);
        if (credentials == null && !insecure && !where.isLocal()) {
            throw new ConfigurationException("target `" + where + "` is not on this machine and there are no credentials;"
                    + " call `tls(…)`, or `insecure()` to send attributes in plain text");
        }
        boolean plain = credentials == null || credentials instanceof InsecureChannelCredentials;
        if (token != null && plain && !where.isLocal()) {
            throw new ConfigurationException("a token must not travel in plain text to `" + where + "`; call `tls(…)`");
        }
        ChannelCredentials used = credentials == null ? InsecureChannelCredentials.create() : credentials;
        return new Connection(where, used, token == null ? null : new TokenFile(token), interceptors, metrics);
    }

    private static ConfigurationException unreadable(IOException error) {
        return new ConfigurationException("a file for TLS cannot be read: " + error.getMessage(), error);
    }
}
