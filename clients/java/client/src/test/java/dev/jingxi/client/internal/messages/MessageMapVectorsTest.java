package dev.jingxi.client.internal.messages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.jingxi.client.Action;
import dev.jingxi.client.Decision;
import dev.jingxi.client.Keys;
import dev.jingxi.client.Mask;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Reason;
import dev.jingxi.client.Resource;
import dev.jingxi.client.Subject;
import dev.jingxi.client.Verdict;
import dev.jingxi.client.errors.MessageMismatchException;
import dev.jingxi.client.errors.PathException;
import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.MessageMap;
import dev.jingxi.testing.Vectors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** tests/vectors/message_maps.json. */
class MessageMapVectorsTest {
    @TestFactory
    Stream<DynamicTest> cases() {
        JsonNode table = Vectors.load("message_maps.json");
        return StreamSupport.stream(table.path("cases").spliterator(), false)
                .filter(one -> !Vectors.gaps().contains(one.path("id").asText()))
                .map(one -> DynamicTest.dynamicTest(one.path("id").asText(), () -> check(one, table.path("types"))));
    }

    private static void check(JsonNode one, JsonNode types) throws InvalidProtocolBufferException {
        GetMessageMapResponse.Builder response = GetMessageMapResponse.newBuilder()
                .setMessageMap(read(MessageMap.newBuilder(), one.path("map")).build());
        types.properties().forEach(
                type -> response.putAttributeTypes(type.getKey(), AttributeType.valueOf(type.getValue().asText())));
        Object message = Vectors.plain(one.path("message"));
        Object before = Documents.copied(message);
        if (one.path("error").asText().equals("path")) {
            assertThrows(PathException.class, () -> new MappedMessage(response.build()));
            return;
        }
        MappedMessage map = new MappedMessage(response.build());
        MaskRequest caller = caller(map, one.path("caller"));
        if (one.path("error").asText().equals("mismatch")) {
            assertThrows(MessageMismatchException.class, () -> Planner.plan(map, message, caller));
            return;
        }
        Plan plan = Planner.plan(map, message, caller);
        checkQuestions(one, plan);
        MaskedCopy copy = new MaskedCopy(message, new Maskers(Keys.none()));
        copy.apply(plan, decisions(one.path("questions")));
        assertEquals(Vectors.plain(one.path("expected")), copy.finish());
        assertEquals(one.path("problems").asInt(0), plan.problems().size() + copy.problems().size());
        assertEquals(before, message, "the message was changed in place");
    }

    private static void checkQuestions(JsonNode one, Plan plan) throws InvalidProtocolBufferException {
        assertEquals(one.path("questions").size(), plan.questions().size());
        for (int i = 0; i < plan.questions().size(); i++) {
            JsonNode expected = one.path("questions").get(i);
            Question question = plan.questions().get(i);
            assertEquals(expected.path("part").asText(), question.part());
            assertEquals(expected.path("place").asText(), question.place().toString());
            Message resource = read(dev.jingxi.pdp.v1.Resource.newBuilder(), expected.path("resource")).build();
            assertEquals(resource, question.resource());
        }
        if (one.has("shared")) {
            DecideRequest.Builder shared = DecideRequest.newBuilder();
            read(shared, one.path("shared"));
            assertEquals(shared.getSubject(), plan.subject());
            assertEquals(shared.getAction(), plan.action());
            assertEquals(shared.getContextMap(), plan.context());
        }
    }

    private static List<Decision> decisions(JsonNode questions) {
        List<Decision> found = new ArrayList<>();
        for (JsonNode question : questions) {
            if (question.path("verdicts").isNull()) {
                found.add(null);
                continue;
            }
            List<Verdict> verdicts = new ArrayList<>();
            question.path("verdicts").properties().forEach(entry -> {
                JsonNode mask = entry.getValue();
                verdicts.add(new Verdict(entry.getKey(), mask.isTextual() ? null
                        : Mask.of(mask.path("algorithm").asText(), Vectors.object(mask.path("parameters"))), Reason.NONE));
            });
            found.add(new Decision("d", "r", 1, "h", verdicts, List.of(), List.of()));
        }
        return found;
    }

    private static MaskRequest caller(MappedMessage map, JsonNode given) {
        Subject subject = Subject.of(given.path("subject").path("id").asText("T1001"));
        List<String> roles = new ArrayList<>();
        given.path("subject").path("roles").forEach(role -> roles.add(role.asText()));
        subject = subject.roles(roles.toArray(new String[0]));
        for (Map.Entry<String, Object> entry : Vectors.object(given.path("subject").path("attributes")).entrySet()) {
            subject = subject.with(entry.getKey(), entry.getValue());
        }
        Action action = Action.of(given.path("action").path("name").asText(""));
        for (Map.Entry<String, Object> entry : Vectors.object(given.path("action").path("attributes")).entrySet()) {
            action = action.with(entry.getKey(), entry.getValue());
        }
        JsonNode about = given.path("resource");
        Resource resource = Resource.of(about.path("type").asText(""), about.path("id").asText(""));
        for (Map.Entry<String, Object> entry : Vectors.object(about.path("attributes")).entrySet()) {
            resource = resource.with(entry.getKey(), entry.getValue());
        }
        return MaskRequest.of(map.application(), map.name(), subject)
                .action(action).resource(resource).context(Vectors.object(given.path("context")));
    }

    private static <B extends Message.Builder> B read(B builder, JsonNode json) throws InvalidProtocolBufferException {
        JsonFormat.parser().merge(json.toString(), builder);
        return builder;
    }
}
