/** A small counter system before and after it was connected to the service; a test counts the lines that differ. */
package dev.jingxi.examples;
