package dev.jingxi.client.offline;

/** The way to clients that decide by a signed bundle. */
public final class OfflineClient {
    private OfflineClient() {}

    /**
     * {@return a builder of an offline client}
     *
     * @param targets nodes that give bundles and take records; may be empty with {@link OfflineBuilder#bundleFile}, and then
     *     what was decided stays in the state folder
     */
    public static OfflineBuilder builder(String... targets) {
        return new OfflineBuilder(targets);
    }
}
