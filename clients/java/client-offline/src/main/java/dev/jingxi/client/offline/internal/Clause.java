package dev.jingxi.client.offline.internal;

import java.util.Set;

/** One clause of a rule: of its scope or of its condition. */
interface Clause {
    /** Returns true, false, or null when it is undecided. */
    Boolean holds(Facts facts);

    /** Returns the attributes that it names, those of its variables included. */
    Set<String> attributes();
}
