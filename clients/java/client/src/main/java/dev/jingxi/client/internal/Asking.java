package dev.jingxi.client.internal;

import dev.jingxi.client.Decision;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import dev.jingxi.client.PartDecision;
import dev.jingxi.client.errors.DecisionUnavailableException;
import dev.jingxi.client.errors.ProtocolException;
import dev.jingxi.client.errors.UnknownMessageException;
import dev.jingxi.client.internal.messages.MappedMessage;
import dev.jingxi.client.internal.messages.MaskedCopy;
import dev.jingxi.client.internal.messages.Maskers;
import dev.jingxi.client.internal.messages.Plan;
import dev.jingxi.client.internal.messages.Planner;
import dev.jingxi.client.internal.messages.Question;
import dev.jingxi.client.internal.messages.Replies;
import dev.jingxi.client.internal.messages.Requests;
import dev.jingxi.client.internal.net.Connection;
import dev.jingxi.pdp.v1.BatchItem;
import dev.jingxi.pdp.v1.BatchResult;
import dev.jingxi.pdp.v1.DecideBatchRequest;
import dev.jingxi.pdp.v1.DecideBatchResponse;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.DecisionServiceGrpc;
import dev.jingxi.pdp.v1.GetMessageMapRequest;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import io.grpc.Deadline;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** All calls for one message. Each has a request id of its own, made from the message's. */
final class Asking {
    private static final int MAX_BATCH_ITEMS = 1_000;
    /** Below the 256 KB that the service accepts, for all that a batch holds besides its items. */
    private static final int MAX_BATCH_BYTES = 192 * 1024;
    /** How often a message is asked about when policy sets change or differ between nodes meanwhile. */
    private static final int MAX_ROUNDS = 8;
    /** How often in a row the map of one policy set is asked for; calls go round the nodes, and one of them has it. */
    private static final int MAX_FETCHES = 4;

    private final Connection connection;
    private final MessageMaps maps;
    private final MaskRequest request;
    private final String requestId;
    private final Deadline end;
    private int calls;

    Asking(Connection connection, MessageMaps maps, MaskRequest request, String requestId, Deadline end) {
        this.connection = connection;
        this.maps = maps;
        this.request = request;
        this.requestId = requestId;
        this.end = end;
    }

    /** The answer to one question; the decision is null with an error when the service could not decide it alone. */
    private static final class Answer {
        final String policyHash;
        final Decision decision;
        final String error;

        Answer(String policyHash, Decision decision, String error) {
            this.policyHash = policyHash;
            this.decision = decision;
            this.error = error;
        }
    }

    Masked masked(Object message, Maskers maskers) {
        MappedMessage current = maps.latest(request.application(), request.name());
        current = current == null ? fetchMap() : current;
        List<MappedMessage> followed = new ArrayList<>(List.of(current));
        for (int round = 0; round < MAX_ROUNDS; round++) {
            Plan plan = Planner.plan(current, message, request);
            List<Answer> answers;
            try {
                answers = ask(plan);
            } catch (UnknownMessageException error) {
                current = fetchMap(); // throws the same when there is no map at all
                continue;
            }
            // Answers by another policy set say nothing about where that set has the fields.
            MappedMessage other = disagreeing(current, answers);
            if (other == null) {
                return masked(message, plan, answers, maskers);
            }
            // Two nodes that differ take turns: following each would never end, so each map is followed once.
            if (followed.stream().noneMatch(other::agreesWith)) {
                current = other;
                followed.add(other);
            }
        }
        throw new DecisionUnavailableException("policy sets changed " + MAX_ROUNDS + " times while message `"
                + request.name() + "` was asked about; ask again", "UNAVAILABLE", null);
    }

    private Masked masked(Object message, Plan plan, List<Answer> answers, Maskers maskers) {
        MaskedCopy copy = new MaskedCopy(message, maskers);
        List<Decision> decisions = new ArrayList<>();
        List<PartDecision> parts = new ArrayList<>();
        List<String> problems = new ArrayList<>(plan.problems());
        for (int i = 0; i < answers.size(); i++) {
            Answer answer = answers.get(i);
            Question question = plan.questions().get(i);
            decisions.add(answer.decision);
            parts.add(new PartDecision(question.part(), question.place().toString(), answer.decision, answer.error));
            if (answer.decision == null) {
                problems.add(question.place() + " was masked in full: " + answer.error);
            }
        }
        copy.apply(plan, decisions);
        Object shown = copy.finish();
        problems.addAll(copy.problems());
        String policyHash = answers.isEmpty() ? plan.map().policyHash() : answers.get(0).policyHash;
        return new Masked(shown, parts, requestId, policyHash, problems, null);
    }

    private List<Answer> ask(Plan plan) {
        List<Question> questions = plan.questions();
        if (questions.size() == 1 && questions.get(0).isWhole()) {
            return List.of(askOne(plan, questions.get(0)));
        }
        List<Answer> answers = new ArrayList<>();
        List<BatchItem> batch = new ArrayList<>();
        int size = 0;
        for (Question question : questions) {
            BatchItem item = question.item();
            int weight = item.getSerializedSize() + 8;
            if (!batch.isEmpty() && (batch.size() == MAX_BATCH_ITEMS || size + weight > MAX_BATCH_BYTES)) {
                answers.addAll(askBatch(plan, batch));
                batch = new ArrayList<>();
                size = 0;
            }
            batch.add(item);
            size += weight;
        }
        if (!batch.isEmpty()) {
            answers.addAll(askBatch(plan, batch));
        }
        return answers;
    }

    private Answer askOne(Plan plan, Question question) {
        DecideRequest asked = DecideRequest.newBuilder()
                .setRequestId(nextId())
                .setSubject(plan.subject())
                .setAction(plan.action())
                .setResource(question.resource())
                .putAllContext(plan.context())
                .setMessage(question.reference())
                .addAllGrantIds(request.grantIds())
                .setMinRevision(request.minRevision())
                .setMinGrantRevision(request.minGrantRevision())
                .build();
        DecideResponse reply = connection.call(DecisionServiceGrpc.getDecideMethod(), asked, end);
        return new Answer(reply.getPolicyHash(), Replies.decision(reply, asked.getRequestId()), "");
    }

    private List<Answer> askBatch(Plan plan, List<BatchItem> items) {
        DecideBatchRequest asked = DecideBatchRequest.newBuilder()
                .setRequestId(nextId())
                .setSubject(plan.subject())
                .setAction(plan.action())
                .putAllContext(plan.context())
                .addAllItems(items)
                .addAllGrantIds(request.grantIds())
                .setMinRevision(request.minRevision())
                .setMinGrantRevision(request.minGrantRevision())
                .build();
        DecideBatchResponse reply = connection.call(DecisionServiceGrpc.getDecideBatchMethod(), asked, end);
        if (reply.getResultsCount() != items.size()) {
            throw new ProtocolException(
                    "DecideBatch answered " + reply.getResultsCount() + " of " + items.size() + " items");
        }
        List<Answer> answers = new ArrayList<>();
        for (BatchResult result : reply.getResultsList()) {
            if (result.hasDecision()) {
                // What decided stands once, beside the items.
                DecideResponse decision = result.getDecision().toBuilder()
                        .setRevision(reply.getRevision()).setPolicyHash(reply.getPolicyHash()).build();
                answers.add(new Answer(reply.getPolicyHash(), Replies.decision(decision, asked.getRequestId()), ""));
            } else {
                String error = result.getError().getMessage();
                answers.add(new Answer(reply.getPolicyHash(), null, error.isEmpty() ? "the item has no answer" : error));
            }
        }
        return answers;
    }

    /**
     * Returns a map by which one of the policy sets that answered masks otherwise; null when all agree. Where nothing was
     * asked, there is no hash to go by, and the service is asked for the map itself.
     */
    private MappedMessage disagreeing(MappedMessage current, List<Answer> answers) {
        Set<String> hashes = new TreeSet<>();
        answers.forEach(answer -> hashes.add(answer.policyHash));
        if (hashes.isEmpty()) {
            MappedMessage known = fetchMap();
            return known.agreesWith(current) ? null : known;
        }
        for (String hash : hashes) {
            MappedMessage known = mapOf(hash);
            if (!known.agreesWith(current) || !hash.equals(known.policyHash())) {
                return known;
            }
        }
        return null;
    }

    /** Returns the map of a policy set; of another one when no node that answers has it. */
    private MappedMessage mapOf(String policyHash) {
        MappedMessage known = maps.get(request.application(), request.name(), policyHash);
        for (int i = 0; i < MAX_FETCHES && (known == null || !known.policyHash().equals(policyHash)); i++) {
            known = fetchMap();
        }
        return known;
    }

    MappedMessage fetchMap() {
        return fetchMap(connection, maps, request.application(), request.name(), end);
    }

    static MappedMessage fetchMap(Connection connection, MessageMaps maps, String application, String name, Deadline end) {
        GetMessageMapRequest asked = GetMessageMapRequest.newBuilder()
                .setApplication(Requests.text("application", application)).setName(Requests.text("name", name)).build();
        GetMessageMapResponse reply = connection.call(DecisionServiceGrpc.getGetMessageMapMethod(), asked, end);
        MappedMessage map = new MappedMessage(reply);
        maps.keep(application, name, map);
        return map;
    }

    private String nextId() {
        calls++;
        return calls == 1 ? requestId : requestId.substring(0, Math.min(requestId.length(), 100)) + "-" + calls;
    }
}
