package dev.jingxi.client.internal.fallback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BreakerTest {
    private long now;
    private final List<String> told = new ArrayList<>();
    private final Breaker breaker = new Breaker(() -> now, new Random(1), () -> told.add("opened"), () -> told.add("closed"));

    private void fail(int times) {
        for (int i = 0; i < times; i++) {
            assertTrue(breaker.allows());
            breaker.failed();
        }
    }

    @Test
    void fiveFailuresInARowOpenIt() {
        fail(4);
        breaker.succeeded();
        fail(4);
        assertEquals("closed", breaker.state());
        fail(1);
        assertEquals("open", breaker.state());
        assertFalse(breaker.allows());
        assertEquals(List.of("opened"), told);
    }

    @Test
    void thenOneCallAtATimeIsTried() {
        fail(5);
        now += 1_100_000_000L;
        assertEquals("half_open", breaker.state());
        assertTrue(breaker.allows());
        assertFalse(breaker.allows());
        breaker.released();
        assertTrue(breaker.allows());
        breaker.succeeded();
        assertTrue(breaker.allows());
        assertTrue(breaker.allows());
        assertEquals(List.of("opened", "closed"), told);
    }

    @Test
    void thePauseDoublesUpToHalfAMinute() {
        fail(5);
        for (int seconds : new int[] {1, 2, 4, 8, 16, 30, 30}) {
            now += seconds * 1_000_000_000L - 1;
            assertFalse(breaker.allows(), "before " + seconds + " s");
            now += seconds * 100_000_000L + 1;
            assertTrue(breaker.allows(), "after " + seconds + " s and a tenth");
            breaker.failed();
        }
        assertEquals(List.of("opened"), told);
    }

    @Test
    void theAlarmIsRaisedOnceInItsTime() {
        FallbackRate rate = new FallbackRate(() -> now);
        List<Integer> alarms = new ArrayList<>();
        for (int second = 0; second < 30; second++) {
            now = second * 1_000_000_000L;
            if (rate.count(3, 10)) {
                alarms.add(second);
            }
        }
        assertEquals(List.of(3, 13, 23), alarms);
        now += 100_000_000_000L;
        assertFalse(rate.count(3, 10), "long ago does not count");
        assertFalse(rate.count(0, 0));
    }
}
