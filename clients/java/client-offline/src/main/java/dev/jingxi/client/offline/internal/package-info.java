/** Deciding by a bundle as the service does; the meaning is in docs/guides/client-contract.md. */
package dev.jingxi.client.offline.internal;
