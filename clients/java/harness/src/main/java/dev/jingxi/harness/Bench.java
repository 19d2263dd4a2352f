package dev.jingxi.harness;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import dev.jingxi.client.Action;
import dev.jingxi.client.Decision;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.Keys;
import dev.jingxi.client.Mask;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Masked;
import dev.jingxi.client.Reason;
import dev.jingxi.client.Subject;
import dev.jingxi.client.Verdict;
import dev.jingxi.client.internal.messages.MappedMessage;
import dev.jingxi.client.internal.messages.MaskedCopy;
import dev.jingxi.client.internal.messages.Maskers;
import dev.jingxi.client.internal.messages.Plan;
import dev.jingxi.client.internal.messages.Planner;
import dev.jingxi.client.internal.messages.Question;
import dev.jingxi.client.offline.OfflineClient;
import dev.jingxi.client.offline.internal.LoadedBundle;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.FieldPaths;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.MessagePart;
import java.io.File;
import java.io.IOException;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/** What benchmarks/clients.py measures of this language. */
public final class Bench {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ThreadMXBean TIMES = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final CompilationMXBean COMPILER = ManagementFactory.getCompilationMXBean();
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    /** Calls of a block, of which the median is told: load hardly disturbs all of them. */
    private static final int CALLS = 5_000;
    private static final int BLOCKS = 10;
    /** The compiler has done its work after so many blocks in which it did nothing, or when that takes too long. */
    private static final int QUIET_BLOCKS = 4;
    private static final long WARM_UP_NANOS = TimeUnit.SECONDS.toNanos(20);
    /** A state folder without a service to report to holds some ten thousand decisions. */
    private static final int RECORDED_BLOCKS = 4;
    private static final int ASKED = 1_000;
    private static final Subject TELLER =
            Subject.of("T1001").roles("teller").with("level", 2L).with("branch", "320400001");
    private static final MaskRequest ABOUT = MaskRequest.of("core-counter", "customer-detail", TELLER)
            .action(Action.of("query"))
            .context(Map.of("menu", "1201", "channel", "counter", "scenario", "processing", "region", "320400"));

    private Bench() {}

    /** Runs from the command line; the vectors' folder and a service's address are in the environment. */
    public static void main(String[] arguments) throws IOException {
        Path bundles = Path.of(System.getenv().getOrDefault("JINGXI_VECTORS", "tests/vectors")).resolve("bundles");
        LoadedBundle bundle = LoadedBundle.read(Files.readAllBytes(bundles.resolve("bank.pb")), null, 0);
        Runnable masking = masking();
        warmUp(masking);
        tell("mask_40_fields", median(masking, BLOCKS, TIMES::getCurrentThreadCpuTime), "µs");
        Runnable deciding = deciding(bundle);
        warmUp(deciding);
        tell("offline_12_fields", median(deciding, BLOCKS, TIMES::getCurrentThreadCpuTime), "µs");
        double all = median(deciding, BLOCKS, PROCESS::getProcessCpuTime);
        tell("offline_12_fields_cpu", all, "µs");
        tell("offline_messages_per_second", 1e6 / all, "/s");
        tell("offline_12_fields_allocated", allocated(deciding), "B");
        recorded(bundles);
        String target = System.getenv("JINGXI_TARGET");
        if (target != null) {
            online(target);
        }
    }

    private static void recorded(Path bundles) throws IOException {
        Path folder = Files.createTempDirectory("jingxi-bench-");
        try (JingxiClient client = OfflineClient.builder().bundleFile(bundles.resolve("bank.pb"))
                .trust(bundles.resolve("test.pub")).stateFolder(folder).recordAsyncAlways().build()) {
            client.waitReady(Duration.ofSeconds(30));
            Map<String, Object> message = customer();
            tell("offline_12_fields_recorded", median(() -> {
                Masked masked = client.mask(message, ABOUT);
                if (!masked.problems().isEmpty()) {
                    throw new IllegalStateException(masked.problems().get(0));
                }
            }, RECORDED_BLOCKS, TIMES::getCurrentThreadCpuTime), "µs");
        } finally {
            try (Stream<Path> files = Files.walk(folder)) {
                files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
            }
        }
    }

    private static void online(String target) throws IOException {
        try (JingxiClient client = JingxiClient.builder(target).deadline(Duration.ofSeconds(30)).build()) {
            client.waitReady(Duration.ofSeconds(30));
            Map<String, Object> message = customer();
            long[] waits = new long[ASKED];
            for (int i = -ASKED; i < ASKED; i++) {
                long start = System.nanoTime();
                client.mask(message, ABOUT);
                if (i >= 0) {
                    waits[i] = System.nanoTime() - start;
                }
            }
            Arrays.sort(waits);
            tell("online_p50", waits[ASKED / 2] / 1e6, "ms");
            tell("online_p99", waits[ASKED * 99 / 100] / 1e6, "ms");
        }
    }

    /** Returns the bytes that one call allocates. */
    private static double allocated(Runnable what) {
        long thread = Thread.currentThread().getId();
        long before = TIMES.getThreadAllocatedBytes(thread);
        for (int call = 0; call < ASKED; call++) {
            what.run();
        }
        return (TIMES.getThreadAllocatedBytes(thread) - before) / (double) ASKED;
    }

    private static void tell(String name, double value, String unit) throws IOException {
        System.out.println(JSON.writeValueAsString(Map.of("name", name, "value", value, "unit", unit)));
    }

    private static Runnable masking() {
        MessagePart.Builder part = MessagePart.newBuilder().setPath("$");
        Map<String, Object> message = new LinkedHashMap<>();
        List<Verdict> verdicts = new ArrayList<>();
        Mask[] masks = {
            Mask.of("keep", Map.of("prefix", 3L, "suffix", 4L)), Mask.of("name", Map.of()), Mask.of("email", Map.of()),
            Mask.of("full", Map.of()),
        };
        String[] values = {"13812348000", "张三丰", "zhangsan@example.com", "secret"};
        for (int i = 0; i < 40; i++) {
            String field = "field" + i;
            part.addFields(FieldPaths.newBuilder().setField(field).addPaths("$." + field));
            message.put(field, values[i % 4]);
            verdicts.add(new Verdict(field, masks[i % 4], Reason.NONE));
        }
        GetMessageMapResponse.Builder response = GetMessageMapResponse.newBuilder();
        response.getMessageMapBuilder().setApplication("core-counter").setName("bench").addParts(part);
        MappedMessage map = new MappedMessage(response.build());
        Maskers maskers = Maskers.lasting(Keys.none());
        MaskRequest caller = MaskRequest.of("core-counter", "bench", TELLER);
        List<Decision> decisions = List.of(new Decision("d", "r", 1, "h", verdicts, List.of(), List.of()));
        return () -> {
            Plan plan = Planner.plan(map, message, caller);
            MaskedCopy copy = new MaskedCopy(message, maskers);
            copy.apply(plan, decisions);
            copy.finish();
        };
    }

    /** Returns a message with the twelve fields of a customer. */
    private static Map<String, Object> customer() {
        String[] texts = {
            "no", "C2001", "class", "standard", "name", "张三", "name_en", "ZHANG SAN", "id_type", "居民身份证",
            "id_no", "11010519491231002X", "birth_date", "1949-12-31", "gender", "男", "nationality", "中国",
            "mobile", "13800138000", "landline", "0519-88888888", "email", "zhangsan@example.com",
            "address", "江苏省常州市天宁区测试路1号2幢301室", "total_assets", "806432.10", "branch", "320400001",
        };
        Map<String, Object> customer = new LinkedHashMap<>();
        for (int i = 0; i < texts.length; i += 2) {
            customer.put(texts[i], texts[i + 1]);
        }
        customer.put("is_vip", false);
        return Map.of("customer", customer);
    }

    private static Runnable deciding(LoadedBundle bundle) {
        MappedMessage map = bundle.map("core-counter", "customer-detail");
        Map<String, Object> message = customer();
        Maskers maskers = Maskers.lasting(Keys.none());
        return () -> {
            Plan plan = Planner.plan(map, message, ABOUT);
            Question question = plan.questions().get(0);
            DecideRequest asked = DecideRequest.newBuilder().setRequestId("r1").setSubject(plan.subject())
                    .setAction(plan.action()).setResource(question.resource()).putAllContext(plan.context())
                    .setMessage(question.reference()).build();
            Decision decision = bundle.decider().decide(asked, Instant.now(), id -> null).decision("c-1");
            MaskedCopy copy = new MaskedCopy(message, maskers);
            copy.apply(plan, List.of(decision));
            copy.finish();
        };
    }

    private static void warmUp(Runnable work) {
        long end = System.nanoTime() + WARM_UP_NANOS;
        for (int quiet = 0; quiet < QUIET_BLOCKS && System.nanoTime() - end < 0;) {
            long before = COMPILER.getTotalCompilationTime();
            for (int i = 0; i < CALLS; i++) {
                work.run();
            }
            quiet = COMPILER.getTotalCompilationTime() == before ? quiet + 1 : 0;
        }
    }

    /** Returns the processor's time of one call in microseconds, by a clock in nanoseconds: the median of some blocks. */
    private static double median(Runnable work, int blocks, LongSupplier clock) {
        double[] times = new double[blocks];
        for (int block = 0; block < blocks; block++) {
            long start = clock.getAsLong();
            for (int i = 0; i < CALLS; i++) {
                work.run();
            }
            times[block] = (clock.getAsLong() - start) / 1_000.0 / CALLS;
        }
        Arrays.sort(times);
        return times[blocks / 2];
    }
}
