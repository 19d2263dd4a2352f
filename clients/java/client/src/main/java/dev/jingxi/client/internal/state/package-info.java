/** The state folder: what must not be lost when the process ends. Its form is in docs/guides/client-contract.md. */
package dev.jingxi.client.internal.state;
