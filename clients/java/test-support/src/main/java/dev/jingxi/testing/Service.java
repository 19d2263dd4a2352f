package dev.jingxi.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** The real service as a process of its own, on a free port of this machine. */
public final class Service implements AutoCloseable {
    /** For a loaded machine; nothing takes that long when all is well. */
    public static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final String REPOSITORY = "../../..";
    private final List<String> command = new ArrayList<>();
    private final Path folder;
    private final Path ready;
    private Process process;
    private String address;

    private Service(Path folder, Path policies, String... options) {
        this.folder = folder;
        this.ready = folder.resolve("ready.json");
        String serve = Settings.text("JINGXI_SERVE",
                "[\"" + REPOSITORY + "/.venv/bin/python\", \"-m\", \"pdp.cli\", \"serve\"]");
        try {
            for (JsonNode word : new ObjectMapper().readTree(serve)) {
                command.add(word.asText());
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        command.addAll(List.of("--policies", policies.toString(), "--ready-file", ready.toString(),
                "--data", folder.resolve("data").toString(), "--node", "n1", "--drain", "0", "--workers", "1",
                "--admin", "off", "--staff", "off"));
        command.addAll(List.of(options));
    }

    /** Starts the service on the sample bank. */
    public static Service start(Path folder, String... options) {
        return start(folder, bank(), options);
    }

    /**
     * Returns a service on the sample bank for tests that only ask it: the one at `JINGXI_SERVICE`, for starting one takes longer
     * than they do, else one of its own.
     */
    public static Service shared(Path folder) {
        String running = Settings.text("JINGXI_SERVICE", "");
        if (running.isEmpty()) {
            return start(folder);
        }
        Service service = new Service(folder, bank());
        service.address = running;
        return service;
    }

    /** Starts the service on a folder of policies. */
    public static Service start(Path folder, Path policies, String... options) {
        Service service = new Service(folder, policies, options);
        service.launch("127.0.0.1:0");
        return service;
    }

    /** Returns the policies of the sample bank. */
    public static Path bank() {
        return Settings.path("JINGXI_POLICIES", REPOSITORY + "/policies");
    }

    /** Returns the message of the sample bank's customer, as JSON. */
    public static JsonNode sample(String name) {
        return Vectors.read(bank().resolve("samples").resolve(name));
    }

    private void launch(String listen) {
        List<String> all = new ArrayList<>(command);
        all.addAll(List.of("--listen", listen));
        try {
            Files.createDirectories(folder);
            Files.deleteIfExists(ready);
            process = new ProcessBuilder(all)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
                    .start();
            await("the service is ready", () -> Files.exists(ready) || !process.isAlive());
            if (!process.isAlive()) {
                throw new IllegalStateException("the service ended: " + Files.readString(folder.resolve("log")));
            }
            address = Vectors.read(ready).path("address").asText();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Returns where it listens. */
    public String address() {
        return address;
    }

    /** Returns the folder that it keeps its things in. */
    public Path data() {
        return folder.resolve("data");
    }

    /** Ends it without a word. */
    public void kill() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        await("the service has ended", () -> !process.isAlive());
    }

    /** Starts it again where it was. */
    public void restart() {
        launch(address);
    }

    /** Hangs it, and all its processes; until all stand still, another thread of one may go on to answer. */
    public void hang() {
        signal("STOP");
        await("all its processes stand still", () -> standsStill(process.toHandle())
                && process.descendants().allMatch(Service::standsStill));
    }

    private static boolean standsStill(ProcessHandle one) {
        try (Stream<Path> threads = Files.list(Path.of("/proc", Long.toString(one.pid()), "task"))) {
            for (Path thread : (Iterable<Path>) threads::iterator) {
                String stat = Files.readString(thread.resolve("stat"));
                // The name before it may hold anything, also brackets.
                if ("TtZX".indexOf(stat.charAt(stat.lastIndexOf(") ") + 2)) < 0) {
                    return false;
                }
            }
            return true;
        } catch (IOException | UncheckedIOException error) {
            return !one.isAlive(); // a thread has ended meanwhile, or all of it
        }
    }

    /** Lets it go on. */
    public void goOn() {
        signal("CONT");
    }

    private void signal(String name) {
        List<String> words = new ArrayList<>(List.of("kill", "-" + name, Long.toString(process.pid())));
        process.descendants().forEach(child -> words.add(Long.toString(child.pid())));
        try {
            if (new ProcessBuilder(words).inheritIO().start().waitFor() != 0) {
                throw new IllegalStateException("could not send " + name);
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(interrupted);
        }
    }

    /** Waits for a condition. */
    public static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not within " + PATIENCE + ": " + what);
            }
            java.util.concurrent.locks.LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }

    @Override
    public void close() {
        if (process != null && process.isAlive()) {
            goOn();
            process.destroy();
            try {
                if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                    kill();
                }
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                kill();
            }
        }
    }
}
