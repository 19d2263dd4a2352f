/**
 * Asks the Jingxi policy decision point what may be shown, and masks messages inside the calling process.
 *
 * <pre>{@code
 * try (JingxiClient client = JingxiClient.builder("pdp.bank.example:7443").tls(roots).token(tokenFile).build()) {
 *     Masked masked = client.mask(message, MaskRequest.of("core-counter", "customer-detail", Subject.of("T1001")));
 * }
 * }</pre>
 *
 * Messages are JSON as plain values: {@link java.util.Map}, {@link java.util.List}, {@link java.lang.String},
 * {@link java.lang.Number}, {@link java.lang.Boolean} and null. They are never changed in place.
 */
package dev.jingxi.client;
