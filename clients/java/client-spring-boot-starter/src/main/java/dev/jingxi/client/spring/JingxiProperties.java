package dev.jingxi.client.spring;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The properties {@code jingxi.*}.
 *
 * @param targets addresses of the service, such as {@code pdp.bank.example:7443}
 * @param insecure send attributes in plain text to other machines too
 * @param tls TLS; used when roots are given or it is enabled
 * @param token a file with a bearer token
 * @param deadline the time that a call takes at most, retries included
 * @param stateFolder a folder of this process alone; with it the failure rule holds
 * @param keys a folder of key files; the environment's {@code JINGXI_KEY_…} when not given
 * @param offline deciding by a bundle instead of asking
 */
@ConfigurationProperties("jingxi")
public record JingxiProperties(
        @DefaultValue List<String> targets,
        boolean insecure,
        @DefaultValue Tls tls,
        Path token,
        @DefaultValue("500ms") Duration deadline,
        Path stateFolder,
        Path keys,
        @DefaultValue Offline offline) {

    /**
     * TLS.
     *
     * @param enabled use TLS with the machine's own roots
     * @param roots a PEM file with certificates of authorities
     * @param certificate a PEM file with the client's certificate, for mutual TLS
     * @param key a PEM file with its private key
     */
    public record Tls(boolean enabled, Path roots, Path certificate, Path key) {}

    /**
     * Deciding by a bundle.
     *
     * @param enabled whether to
     * @param trust PEM files with keys whose signature counts
     * @param bundleFile a file as the source of bundles instead of the service
     * @param maxAge the age from which on decisions tell that policies may be stale
     * @param recordAsync record within 100 ms what unmasks nothing of C2 or C3
     */
    public record Offline(
            boolean enabled, @DefaultValue List<Path> trust, Path bundleFile, Duration maxAge, boolean recordAsync) {}
}
