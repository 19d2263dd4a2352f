package dev.jingxi.examples.before;

import java.util.Map;
import org.springframework.stereotype.Component;

/** Who works at the counter, as the bank's directory tells it. */
@Component
public class Tellers {
    /** A teller. */
    public record Teller(String number, String role, int level, String branch) {}

    private final Map<String, Teller> known = Map.of(
            "T1001", new Teller("T1001", "teller", 2, "320400001"),
            "T1002", new Teller("T1002", "senior_teller", 4, "320400001"));

    Teller signedIn(String number) {
        Teller found = known.get(number);
        if (found == null) {
            throw new IllegalArgumentException("nobody has the number " + number);
        }
        return found;
    }
}
