/**
 * Decides by a signed bundle inside the calling process, for systems that cannot ask the service each time.
 *
 * <pre>{@code
 * JingxiClient client = OfflineClient.builder("pdp.bank.example:7443").tls(roots).token(tokenFile)
 *     .trust(Path.of("revision.pub")).stateFolder(Path.of("/var/lib/counter/jingxi")).build();
 * }</pre>
 */
package dev.jingxi.client.offline;
