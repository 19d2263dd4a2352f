package dev.jingxi.harness;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jingxi.client.Decision;
import dev.jingxi.client.FieldsRequest;
import dev.jingxi.client.Keys;
import dev.jingxi.client.Mask;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Reason;
import dev.jingxi.client.Resource;
import dev.jingxi.client.Subject;
import dev.jingxi.client.Verdict;
import dev.jingxi.client.internal.messages.MappedMessage;
import dev.jingxi.client.internal.messages.MaskedCopy;
import dev.jingxi.client.internal.messages.Maskers;
import dev.jingxi.client.internal.messages.Plan;
import dev.jingxi.client.internal.messages.Planner;
import dev.jingxi.client.internal.messages.Replies;
import dev.jingxi.client.internal.messages.Requests;
import dev.jingxi.client.offline.internal.LoadedBundle;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.FieldPaths;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.MessagePart;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What benchmarks/clients.py measures of this language: processor time of one thread, so that load hardly counts. */
public final class Bench {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ThreadMXBean TIMES = ManagementFactory.getThreadMXBean();
    private static final long WARM_UP_NANOS = 3_000_000_000L;
    private static final long NANOS = 1_500_000_000L;
    private static final List<String> TWELVE = List.of("name", "id_no", "mobile", "email", "address", "birth_date",
            "landline", "account_no", "balance", "card_no", "work_address", "total_assets");
    private static final Subject TELLER =
            Subject.of("T1001").roles("teller").with("level", 2L).with("branch", "320400001");

    private Bench() {}

    /** Runs from the command line; the vectors' folder is in the environment. */
    public static void main(String[] arguments) throws IOException {
        Path vectors = Path.of(System.getenv().getOrDefault("JINGXI_VECTORS", "tests/vectors"));
        LoadedBundle bundle = LoadedBundle.read(Files.readAllBytes(vectors.resolve("bundles/bank.pb")), null, 0);
        tell("mask_40_fields", measured(masking()), "µs");
        double offline = measured(deciding(bundle));
        tell("offline_12_fields", offline, "µs");
        tell("offline_messages_per_second", 1e6 / offline, "messages/s");
    }

    private static void tell(String name, double value, String unit) throws IOException {
        System.out.println(JSON.writeValueAsString(Map.of("name", name, "value", value, "unit", unit)));
    }

    private static MappedMessage map(List<String> fields) {
        MessagePart.Builder part = MessagePart.newBuilder().setPath("$");
        fields.forEach(field -> part.addFields(FieldPaths.newBuilder().setField(field).addPaths("$." + field)));
        GetMessageMapResponse.Builder response = GetMessageMapResponse.newBuilder();
        response.getMessageMapBuilder().setApplication("core-counter").setName("bench").addParts(part);
        return new MappedMessage(response.build());
    }

    private static Map<String, Object> message(List<String> fields) {
        Map<String, Object> message = new LinkedHashMap<>();
        fields.forEach(field -> message.put(field, "13812348000"));
        return message;
    }

    private static Runnable masking() {
        List<String> fields = new ArrayList<>();
        List<Verdict> verdicts = new ArrayList<>();
        Mask keep = Mask.of("keep", Map.of("prefix", 3L, "suffix", 4L));
        for (int i = 0; i < 40; i++) {
            fields.add("field" + i);
            verdicts.add(new Verdict("field" + i, keep, Reason.NONE));
        }
        MappedMessage map = map(fields);
        Map<String, Object> message = message(fields);
        Maskers maskers = new Maskers(Keys.none());
        Plan plan = Planner.plan(map, message, MaskRequest.of("core-counter", "bench", TELLER));
        List<Decision> decisions = List.of(new Decision("d", "r", 1, "h", verdicts, List.of(), List.of()));
        return () -> {
            MaskedCopy copy = new MaskedCopy(message, maskers);
            copy.apply(plan, decisions);
            copy.finish();
        };
    }

    private static Runnable deciding(LoadedBundle bundle) {
        Resource customer = Resource.of("customer", "C2001").with("customer_class", "standard")
                .with("branch", "320400001").with("is_vip", false).with("balance", 1234.5);
        Map<String, Object> context =
                Map.of("application", "core-counter", "menu", "1201", "channel", "counter", "scenario", "processing");
        FieldsRequest request = FieldsRequest.of(TELLER).fields(TWELVE).resource(customer).context(context);
        MaskRequest caller = MaskRequest.of("core-counter", "bench", TELLER).resource(customer).context(context);
        MappedMessage map = map(TWELVE);
        Map<String, Object> message = message(TWELVE);
        Maskers maskers = new Maskers(Keys.none());
        return () -> {
            Plan plan = Planner.plan(map, message, caller);
            DecideRequest asked = Requests.decide(request, "r1");
            Decision decision = Replies.decision(bundle.decider().decide(asked, Instant.now(), id -> null), "r1");
            MaskedCopy copy = new MaskedCopy(message, maskers);
            copy.apply(plan, List.of(decision));
            copy.finish();
        };
    }

    private static double measured(Runnable work) {
        double last = 0;
        for (long nanos : new long[] {WARM_UP_NANOS, NANOS}) {
            long runs = 0;
            long start = TIMES.getCurrentThreadCpuTime();
            while (TIMES.getCurrentThreadCpuTime() - start < nanos) {
                for (int i = 0; i < 50; i++) {
                    work.run();
                }
                runs += 50;
            }
            last = (TIMES.getCurrentThreadCpuTime() - start) / 1_000.0 / runs;
        }
        return last;
    }
}
