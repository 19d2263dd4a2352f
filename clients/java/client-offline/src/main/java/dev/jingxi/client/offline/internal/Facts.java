package dev.jingxi.client.offline.internal;

import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.Grant;
import java.time.Instant;
import java.util.Arrays;

/**
 * What the rules know of one request: its attributes, the time and a grant, and how conditions and variables came out. Each
 * attribute is read, and each condition evaluated, when it is asked for and once; those about the grant once for each grant.
 */
final class Facts {
    private static final Object LACKING = new Object();

    private final Programs programs;
    private final DecideRequest request;
    private final Instant now;
    private final Object[] values;
    private final Object[] variables;
    private final Outcome[] outcomes;
    private Grant grant;

    Facts(Programs programs, DecideRequest request, Instant now) {
        this.programs = programs;
        this.request = request;
        this.now = now;
        this.values = new Object[programs.attributes.length];
        this.variables = new Object[programs.variables.size()];
        this.outcomes = new Outcome[programs.conditions.size()];
    }

    /** Sets the grant that counts from now on; null for none. */
    void under(Grant other) {
        if (other == grant) {
            return;
        }
        grant = other;
        for (int i = 0; i < values.length; i++) {
            if (programs.attributes[i].isOfGrant()) {
                values[i] = null;
            }
        }
        for (int i = 0; i < outcomes.length; i++) {
            if (programs.conditions.get(i).isGranted) {
                outcomes[i] = null;
            }
        }
        Arrays.fill(variables, null);
    }

    Grant grant() {
        return grant;
    }

    /** Returns an attribute's value by its place in the bundle; null when it is lacking. */
    Object get(int attribute) {
        Object value = values[attribute];
        if (value == null) {
            AttributeReader reader = programs.attributes[attribute];
            Object read = reader.isOfGrant() ? reader.ofGrant(grant) : reader.isNow() ? now : reader.read(request);
            value = read == null ? LACKING : read;
            values[attribute] = value;
        }
        return value == LACKING ? null : value;
    }

    /** Returns a variable's value; null when it is undecided. */
    Object variable(int place) {
        Object value = variables[place];
        if (value == null) {
            Object found = programs.variables.get(place).value(this);
            value = found == null ? LACKING : found;
            variables[place] = value;
        }
        return value == LACKING ? null : value;
    }

    /** Returns the value of an attribute by its place, or of a variable by -1 - its place; null where there is none. */
    Object operand(int place) {
        return place >= 0 ? get(place) : variable(-1 - place);
    }

    /** Returns how a condition comes out. */
    Outcome outcome(int condition) {
        Outcome outcome = outcomes[condition];
        if (outcome == null) {
            outcome = programs.conditions.get(condition).outcome(this);
            outcomes[condition] = outcome;
        }
        return outcome;
    }

    /** How a clause comes out. */
    enum Outcome { TRUE, FALSE, UNDECIDED }
}
