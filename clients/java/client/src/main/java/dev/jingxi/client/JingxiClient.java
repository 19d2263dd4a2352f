package dev.jingxi.client;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * Asks what may be shown, and masks messages. Safe to share between threads; make one for a process and close it at the
 * end.
 */
public interface JingxiClient extends AutoCloseable {
    /**
     * {@return a builder of a client that asks the service}
     *
     * @param targets addresses such as {@code pdp.bank.example:7443}; calls go round the healthy nodes behind all of them
     */
    static ClientBuilder builder(String... targets) {
        return new ClientBuilder(targets);
    }

    /**
     * {@return a masked copy of a JSON message}
     *
     * <p>The message's map says where fields and attributes are; of the message only those attributes and the ids of
     * resources leave the process. What the request gives wins over what the message holds. A part that the service
     * cannot decide alone is masked in full.
     *
     * @param message maps, lists, texts, numbers, booleans, null
     * @param request its map, who asks, and what is known besides
     * @throws dev.jingxi.client.errors.DecisionUnavailableException when no verdict can be had and no failure rule helps
     * @throws dev.jingxi.client.errors.UnknownMessageException when there is no such map
     * @throws dev.jingxi.client.errors.MessageMismatchException when message and map do not fit
     */
    Masked mask(Object message, MaskRequest request);

    /**
     * {@return what {@link #mask} gives, in the client's executor; the deadline runs from now}
     *
     * @param message the message, not to be changed until it is done
     * @param request its map, who asks, and what is known besides
     */
    CompletableFuture<Masked> maskAsync(Object message, MaskRequest request);

    /**
     * {@return the verdicts of fields of one resource, in their order}
     *
     * <p>Attributes are sent as the types that Java has for them: {@code 2.0} for a double, {@code 2} for a whole number.
     *
     * @param request the question
     * @throws dev.jingxi.client.errors.DecisionUnavailableException when no verdict can be had
     */
    Decision decide(FieldsRequest request);

    /**
     * {@return what {@link #decide} gives, in the client's executor; the deadline runs from now}
     *
     * @param request the question
     */
    CompletableFuture<Decision> decideAsync(FieldsRequest request);

    /**
     * Fetches the map of a message, so that it can be masked when the service is away from the first one on.
     *
     * @param application the application as the message map names it
     * @param name the message as the message map names it
     * @throws dev.jingxi.client.errors.DecisionUnavailableException when it cannot be had
     */
    void prepare(String application, String name);

    /**
     * Waits until decisions can be had.
     *
     * @param timeout how long at most
     * @throws dev.jingxi.client.errors.DecisionUnavailableException when they cannot
     */
    void waitReady(Duration timeout);

    /** {@return how the client is doing} */
    ClientStatus status();

    /** Ends all calls and the connection, after a last try to report. May be called again. */
    @Override
    void close();
}
