/** The masks as this client performs them, held to docs/guides/masking.md by tests/vectors/masking.json. */
package dev.jingxi.client.internal.masks;
