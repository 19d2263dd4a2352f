/** What the tests of all modules share: vectors, the real service, certificates. */
package dev.jingxi.testing;
