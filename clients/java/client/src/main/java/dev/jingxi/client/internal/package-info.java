/** How the client works; nothing here is meant for other programs. */
package dev.jingxi.client.internal;
