package dev.jingxi.client.internal.masks;

/** Masks a text that is not empty and has no lone surrogate. */
@FunctionalInterface
interface TextMask {
    String apply(String text);
}
