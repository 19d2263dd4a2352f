/**
 * A message and its map: the questions to ask, and with the answers the masked copy.
 *
 * <p>INVARIANT: of the message nothing but what the map declares as an attribute, a resource's type or its id gets into a
 * question.
 */
package dev.jingxi.client.internal.messages;
