/** The way to the service: addresses, credentials, retries, errors. */
package dev.jingxi.client.internal.net;
