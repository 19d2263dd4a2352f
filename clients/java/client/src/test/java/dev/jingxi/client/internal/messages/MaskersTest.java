package dev.jingxi.client.internal.messages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.jingxi.client.Decision;
import dev.jingxi.client.Keys;
import dev.jingxi.client.Mask;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Reason;
import dev.jingxi.client.Subject;
import dev.jingxi.client.Verdict;
import dev.jingxi.pdp.v1.FieldPaths;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.MessagePart;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a store of masks keeps from one message to the next. */
class MaskersTest {
    private static final Mask LAST_FOUR = Mask.of("keep", Map.of("suffix", 4L));
    private static final Mask CODE = Mask.of("hash", Map.of("key", "k1"));

    private final MappedMessage map = map("$.mobile", "$.no");
    private final Map<String, byte[]> keys = new HashMap<>();
    private final Maskers maskers = Maskers.lasting(keys::get);

    private static MappedMessage map(String... paths) {
        MessagePart.Builder part = MessagePart.newBuilder().setPath("$");
        for (String path : paths) {
            part.addFields(FieldPaths.newBuilder().setField(path.substring(path.lastIndexOf('.') + 1)).addPaths(path));
        }
        GetMessageMapResponse.Builder response = GetMessageMapResponse.newBuilder();
        response.getMessageMapBuilder().setApplication("counter").setName("customer").addParts(part);
        return new MappedMessage(response.build());
    }

    private static List<Verdict> verdicts(Mask mobile, Mask no) {
        return List.of(new Verdict("mobile", mobile, Reason.NONE), new Verdict("no", no, Reason.NONE));
    }

    private MaskedCopy masked(MappedMessage by, Object message, List<Verdict> verdicts) {
        Plan plan = Planner.plan(by, message, MaskRequest.of("counter", "customer", Subject.of("T1")));
        MaskedCopy copy = new MaskedCopy(message, maskers);
        copy.apply(plan, List.of(new Decision("d", "r", 1, "h", verdicts, List.of(), List.of())));
        return copy;
    }

    @Test
    void whatFollowsFromOneListOfVerdictsIsKept() {
        List<Verdict> verdicts = verdicts(LAST_FOUR, null);
        MappedMessage.Part part = map.parts.get(0);
        assertSame(maskers.ways(part, verdicts), maskers.ways(part, verdicts));
        assertNotSame(maskers.ways(part, verdicts), maskers.ways(map("$.mobile", "$.no").parts.get(0), verdicts));
        Maskers forgetful = new Maskers(Keys.none());
        assertNotSame(forgetful.ways(part, verdicts), forgetful.ways(part, verdicts));
    }

    @Test
    void otherVerdictsMaskOtherwise() {
        Map<String, Object> message = Map.of("mobile", "13800138000", "no", "C1");
        for (int i = 0; i < 3_000; i++) {
            boolean shows = i % 3 == 0;
            Object expected = Map.of("mobile", shows ? "13800138000" : "*******8000", "no", "C1");
            assertEquals(expected, masked(map, message, verdicts(shows ? null : LAST_FOUR, null)).finish());
        }
    }

    @Test
    void aFieldWithoutAVerdictIsMaskedInFull() {
        Object shown = masked(map, Map.of("mobile", "13800138000", "no", "C1"), verdicts(null, null).subList(1, 2)).finish();
        assertEquals(Map.of("mobile", "***", "no", "C1"), shown);
    }

    /** A key may come and go, and the verdicts are the same list all the time. */
    @Test
    void masksByAKeyAreMadeForEachMessage() {
        Map<String, Object> message = Map.of("mobile", "13800138000", "no", "C1");
        List<Verdict> verdicts = verdicts(CODE, CODE);
        for (int i = 0; i < 2; i++) {
            MaskedCopy without = masked(map, message, verdicts);
            assertEquals(Map.of(), without.finish());
            assertEquals(1, without.problems().size());
            keys.put("k1", "a key of more than sixteen bytes".getBytes(StandardCharsets.UTF_8));
            MaskedCopy with = masked(map, message, verdicts);
            assertEquals(64, ((Map<?, ?>) with.finish()).get("no").toString().length());
            assertEquals(List.of(), with.problems());
            keys.clear();
        }
    }

    /** The object that holds a field is looked for once, and again when a mask has replaced what encloses it. */
    @Test
    void whatIsInAMaskedObjectIsGone() {
        MappedMessage nested = map("$.a.mobile", "$.a", "$.a.no");
        List<Verdict> verdicts = List.of(new Verdict("mobile", LAST_FOUR, Reason.NONE),
                new Verdict("a", Mask.FULL, Reason.NONE), new Verdict("no", LAST_FOUR, Reason.NONE));
        Object message = Map.of("a", Map.of("mobile", "13800138000", "no", "C1"), "b", Map.of("no", "C2"));
        assertEquals(Map.of("a", "***", "b", Map.of("no", "C2")), masked(nested, message, verdicts).finish());
    }
}
